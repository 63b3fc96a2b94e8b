from .lines import read_lines as read_lines
from .reader import (
    EXTENSIONS as EXTENSIONS,
    MAX_BYTES as MAX_BYTES,
    MUSIC_EXTENSIONS as MUSIC_EXTENSIONS,
    FileReport as FileReport,
    UploadInfo as UploadInfo,
    UploadOptions as UploadOptions,
    UploadReport as UploadReport,
    delete_upload as delete_upload,
    list_uploads as list_uploads,
    load_upload as load_upload,
    read_file as read_file,
    read_files as read_files,
    split_sizes as split_sizes,
    store_upload as store_upload,
)
