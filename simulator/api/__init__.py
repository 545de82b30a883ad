"""The venue's wire: HTTP and websocket handlers that translate between Alpaca's JSON and the core."""
