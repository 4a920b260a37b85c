PYTHON ?= python3
BIN := .venv/bin
EXAMPLE := examples/room.zip
OUT := outputs/room

.PHONY: setup demo test slow-test benchmarks clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt scripts/setup.sh
	PYTHON=$(PYTHON) scripts/setup.sh
	touch $@

demo: setup
	$(BIN)/recon $(EXAMPLE) --out $(OUT)/mesh.ply --run-dir $(OUT) --overwrite
	$(BIN)/python examples/compare_with_truth.py $(OUT)/mesh.ply
	@echo "picture of the mesh: $(OUT)/preview.png"

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

slow-test: setup
	$(BIN)/python -m pytest -q -m slow

# Ratios against peers, minutes each; on a machine that does nothing else.
benchmarks: setup
	$(BIN)/python benchmarks/fusion.py
	$(BIN)/python benchmarks/prediction.py --memory
	$(BIN)/python benchmarks/prompt_cost.py
	$(BIN)/python benchmarks/memory_4k.py --frames 1
	$(BIN)/python benchmarks/lidar_prompt.py
	$(BIN)/python benchmarks/mesh_metrics.py
	$(BIN)/python benchmarks/drive_memory.py
	$(BIN)/python benchmarks/end_to_end.py

clean:
	rm -rf .venv outputs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
