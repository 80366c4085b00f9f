"""What a probe may cost, the same for every model; by itself, so that a report needs no torch."""

EPOCHS, MAX_STEPS, LOOK_STEPS, PATIENCE, ROWS = 6, 1_200, 300, 3, 16
