# docker build -t dmm . && docker run -p 8501:8501 -v dmm:/data dmm
FROM python:3.12-slim
WORKDIR /app
# The CPU build; for an NVIDIA GPU leave this line out, and requirements.txt takes the CUDA build.
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
ENV DMM_HOME=/data
EXPOSE 8501
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0"]
