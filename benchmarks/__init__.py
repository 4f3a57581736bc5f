"""The costs of regrow, as ratios to the BEAM, to other libraries and to baselines, all measured in one run.

    cases.py      the measured cases, and their targets
    ours/         the cases on regrow
    others/       the cases on the BEAM, other libraries and the baselines
    measure.py    shared parts: a stopwatch, resident memory, one line of JSON for each measurement
    runner.py     runs every case in every contestant, each in a separate program, for several rounds
    table.py      the ratios as tables, with their spread
    picture.py    the ratios as a picture

`python -m benchmarks` runs it; `make bench` prepares the environment and writes docs/benchmarks.md.
"""
