"""Examinations of models: what is asked, how answers are judged, what is printed."""
