"""The run folder: atomic writes (`safeio`), finished stages (`manifest`), one owner (`lock`)."""
