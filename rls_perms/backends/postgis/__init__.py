"""The backend for GeoDjango: PostGIS's types and functions, our roles."""
