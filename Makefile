# Everything happens in tasks.py; this finds a Python that is new enough to run it.
# Another one: make demo PYTHON=/path/to/python3.12
CANDIDATES = python3 python3.13 python3.12 python3.11 python3.14 python
PYTHON ?= $(shell for name in $(CANDIDATES); do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; \
	done)

TASKS = demo test test-long test-clients check env bench-env

.PHONY: help $(TASKS)

help:
	@echo "make demo | test | test-long | test-clients | check | env | bench-env; see README.md"

$(TASKS):
	@if [ -z "$(PYTHON)" ]; then \
		echo "labctl needs Python 3.11 or newer and none was found; install one (on Debian and Ubuntu: sudo apt-get install python3 python3-venv) or name it: make $@ PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@"$(PYTHON)" tasks.py $@
