"""The batches of a database: find, show, change, compare and delete them."""
