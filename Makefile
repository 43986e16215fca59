# The short way in; meson.build knows the rest. Each target first sees that the packages it needs are installed.
#   make         build/martlet, a release build
#   make run     a relay on loopback (ARGS="--port-offset 20000")
#   make test    unit, fuzz corpus and integration tests under ASan and UBSan
#   make test-cgroup2   short memory under control groups of version 2, on a kernel that has them
#   make lint    formatting, clang-tidy, floors, banned functions
#   make fuzz    every fuzz target for a while
#   make arm64   build-arm64/martlet, a release build for 64-bit ARM
#   make test-arm64  its unit, fuzz corpus and integration tests, under qemu
#   make install (PREFIX=/usr/local, DESTDIR=)
#   make deb     build/martlet_VERSION_ARCH.deb (ARCH=arm64 BUILD=build-arm64: a cross build)
#   make test-package   that package, installed, upgraded and purged in a fresh Debian
.POSIX:

BUILD = build
BUILD_TEST = build-test
BUILD_ARM64 = build-arm64
ROOT_ARM64 = $(BUILD_ARM64)-root
ARCH = $$(dpkg --print-architecture)
DEB_OPTIONS =
PREFIX = /usr/local
ARGS =

all:
	@tools/setup build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --buildtype=release --prefix=$(PREFIX)
	@ninja -C $(BUILD)

run: all
	@exec $(BUILD)/martlet dev $(ARGS)

# The power-cut test runs the release build: what it measures must not be the sanitizers. Hundreds of test programs are
# linked: gold, where it is there, takes a third of the time. A sanitizer's report needs functions and lines (-g1) alone.
test:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@test -f $(BUILD_TEST)/build.ninja || \
	    env $$(command -v ld.gold >/dev/null 2>&1 && echo CC_LD=gold) \
	    meson setup $(BUILD_TEST) -Dtests=true -Db_sanitize=address,undefined -Dhardening=false -Dc_args=-g1
	@ninja -C $(BUILD_TEST)
	@tools/run-tests $(BUILD_TEST) --release $(BUILD)

test-cgroup2:
	@tools/setup test-cgroup2
	@$(MAKE) --no-print-directory all
	@tools/test-cgroup2 $(BUILD)

lint:
	@tools/setup lint
	@tools/lint

fuzz:
	@tools/setup fuzz
	@tools/fuzz

arm64: configure-arm64
	@ninja -C $(BUILD_ARM64) martlet

test-arm64:
	@tools/setup test-arm64
	@$(MAKE) --no-print-directory configure-arm64
	@ninja -C $(BUILD_ARM64)
	@tools/arm64-test $(BUILD_ARM64) $(ROOT_ARM64)

configure-arm64:
	@tools/setup arm64
	@tools/arm64-root $(ROOT_ARM64)
	@test -f $(BUILD_ARM64)/build.ninja || meson setup $(BUILD_ARM64) --buildtype=release -Dtests=true \
	    --prefix=$(PREFIX) --cross-file $(ROOT_ARM64)/root.ini --cross-file packaging/cross/arm64.ini

install: all
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD) --no-rebuild

deb:
	@tools/setup deb
	@tools/make-deb $(BUILD) $(ARCH) $(DEB_OPTIONS)

test-package: deb
	@tools/setup test-package
	@tools/test-package $(BUILD)

clean:
	rm -rf build build-*

.PHONY: all run test test-cgroup2 lint fuzz arm64 test-arm64 configure-arm64 install deb test-package clean
