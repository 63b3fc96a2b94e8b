"""The app. `streamlit run app.py` serves it; Streamlit then also runs this file as its first page.

When the server starts, it imports this file as a module and takes `app` from it. For each visitor
of Home, Streamlit executes the file as a script.
"""

import streamlit as st

if __name__ == "__main__":
    from pages.ui.home import page

    page.draw()
else:
    from starlette.middleware import Middleware

    from pages.ui.server.hosts import HostCheck, SecurityHeaders
    from pages.ui.server.uploads import UploadLimit

    app = st.App(
        __file__,
        middleware=[Middleware(HostCheck), Middleware(SecurityHeaders), Middleware(UploadLimit)],
    )
