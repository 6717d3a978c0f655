"""The cache as an SQLite file: tables, rows and views; opened, read and erased."""
