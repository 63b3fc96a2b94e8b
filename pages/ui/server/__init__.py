"""ASGI middleware between the network and Streamlit: host names, headers, upload limits."""
