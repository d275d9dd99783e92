"""The project of an atlas."""
