"""JSON over aiohttp under /api/v1."""
