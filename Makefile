# `make demo` and `make test` each make their own environment, in .venv.
PYTHON ?= python3
BIN := .venv/bin
RUN := KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3

.PHONY: demo test check environment tables lock gpu-pack web web-test android-test clean

demo: environment  ## Classify the sample images with embedded weights, export to three formats, compare.
	$(RUN) $(BIN)/python demo.py

# Two processes of one thread, since building networks keeps one core busy, and threads wait for one another. A file's tests stay
# together and share what they set up. tests/conftest.py puts the files that take longest first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# What depends on the backend: the other folders and files are about files, pictures, commands and pages.
ON_JAX_AND_TORCH := $(addprefix tests/, analysis backbones benchmark export/test_optimize.py interop/test_converted.py training units \
	zoo/test_channels.py zoo/test_loading.py zoo/test_weights_file.py \
	$(addprefix detection/test_models_, parts.py step.py table_8.py weights.py) reproduction/test_detectors.py \
	house/test_collect.py house/test_evaluate.py)

ON_TENSORFLOW := $(RUN) TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
# Small networks run once or twice, so what JAX compiles need not be fast. XLA's older code for fused operations compiles in less time.
QUICK_JAX := KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS=--xla_cpu_use_fusion_emitters=false

test: environment check  ## Linters, types, and the tests on three backends.
	$(ON_TENSORFLOW) $(PYTEST) -m "not counts and not torch"
	$(QUICK_JAX) $(PYTEST) -m "not eager and not tensorflow and not torch" $(ON_JAX_AND_TORCH) tests/detection/test_models_counts.py
	KERAS_BACKEND=torch $(PYTEST) -m "not counts and not tensorflow" $(ON_JAX_AND_TORCH)

check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tables: environment  ## Write the generated pages and tables, and draw zoo/records/accuracy.png.
	$(RUN) $(BIN)/python zoo/tools/tables.py
	$(RUN) $(BIN)/python zoo/tools/plots.py

lock: environment  ## Write the hashes of what this environment has, requirements-test.lock.
	$(RUN) $(BIN)/python zoo/tools/lock.py

gpu-pack: environment  ## Pack wheels, and the npz files in the folder DATA, for a GPU machine without network: zoo/GPU.md.
	$(BIN)/python zoo/tools/gpu_pack.py --data $(DATA)

environment: .venv/.made

# All has hashes but torch and what its build needs: which build it is, with CUDA or without, pip's settings decide.
.venv/.made: pyproject.toml requirements-test.txt requirements-test.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-test.lock
	$(BIN)/python -m pip install --quiet -r requirements-test.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation -c requirements-test.txt -e ".[tensorflow-cpu,jax,torch,data,export,analysis,hub,detection,dev]"
	touch $@

web: environment  ## Build the page that classifies images in the browser, export/web/dist.
	$(RUN) $(BIN)/python export/web/make_model.py
	cd export/web && npm ci && npm run build

web-test: web  ## Test it in a real browser: needs node and chromium.
	cd export/web && npm test
	$(RUN) $(BIN)/python -m pytest -rs tests/deployment/test_web.py

android-test: environment  ## Test the Android sample's Kotlin: needs npm, and Debian's default-jdk-headless, junit4 and aapt.
	npm install --prefix build/kotlin --no-save kotlin-compiler@2.4.20
	$(RUN) $(BIN)/python -m pytest -rs tests/deployment/test_android_logic.py

clean:
	rm -rf .venv demo_output build *.egg-info
