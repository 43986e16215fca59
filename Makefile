# The short way in; meson.build knows the rest. Each target first sees that the packages it needs are installed.
#   make         build/martlet, a release build
#   make run     a relay on loopback (ARGS="--port-offset 20000")
#   make test    unit, fuzz corpus and integration tests under ASan and UBSan
#   make lint    formatting, clang-tidy, floors, banned functions
#   make fuzz    every fuzz target for a while
#   make install (PREFIX=/usr/local, DESTDIR=)
.POSIX:

BUILD = build
BUILD_TEST = build-test
PREFIX = /usr/local
ARGS =

all:
	@tools/setup build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --buildtype=release --prefix=$(PREFIX)
	@ninja -C $(BUILD)

run: all
	@exec $(BUILD)/martlet dev $(ARGS)

# The power-cut test runs the release build: what it measures must not be the sanitizers. Hundreds of test programs are
# linked: gold, where it is there, takes a third of the time.
test:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@test -f $(BUILD_TEST)/build.ninja || \
	    env $$(command -v ld.gold >/dev/null 2>&1 && echo CC_LD=gold) \
	    meson setup $(BUILD_TEST) -Dtests=true -Db_sanitize=address,undefined -Dhardening=false
	@ninja -C $(BUILD_TEST)
	@tools/run-tests $(BUILD_TEST) --release $(BUILD)

lint:
	@tools/setup lint
	@tools/lint

fuzz:
	@tools/setup fuzz
	@tools/fuzz

install: all
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-*

.PHONY: all run test lint fuzz install clean
