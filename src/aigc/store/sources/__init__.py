"""Where models come from: one small file for each kind of source, all behind `base.Fetcher`."""
