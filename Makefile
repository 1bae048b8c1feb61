# PYTHON=python3.12 make run    names another Python; 3.11 is the oldest that will do.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# What Python has compiled is kept, also where the surroundings say otherwise: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: run test quick coverage bench lint check worker lock

run: ; @./.ci/environment requirements.lock && KALENDS_SANDBOX="$${KALENDS_SANDBOX:-1}" exec python -m flask --app app start
test: ; @./.ci/environment requirements-test.lock && ./.ci/compiled && exec python -m pytest -n 4 --dist worksteal
quick: ; @./.ci/environment requirements-test.lock && exec python -m pytest -n 2 --dist worksteal --ignore tests/browser -m "not slow" -k "not postgresql"
coverage: ; @./.ci/environment requirements-test.lock && exec python -m pytest -n 2 --dist worksteal --ignore tests/browser -m "not slow" -k "not postgresql" --cov --cov-report term:skip-covered
bench: ; @./.ci/environment requirements-test.lock && exec python -m bench
lint: ; @./.ci/environment requirements-test.lock && ruff check . && ruff format --check . && python .ci/catalogue.py --check && python .ci/subject.py && exec mypy
check: lint test
worker: ; @./.ci/environment requirements.lock && exec python -m flask --app app worker
lock: ; @./.ci/lock
