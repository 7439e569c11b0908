"""Pictures that others drew, as a source of stickers with captions: sets of emoji out of package archives."""
