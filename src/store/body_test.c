// SPDX-License-Identifier: MIT
// Bodies: their format, writing them, what an abort or a crash leaves, and damage that must not go unseen.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/body_dir.h"
#include "store/body_format.h"
#include "store/test_support.h"

static void test_sizes(void **state) {
    static const struct {
        uint64_t size, chunks, sealed;
        uint64_t index;
        size_t chunk_len;
    } cases[] = {
        {0, 1, 16, 0, 0},
        {1, 1, 17, 0, 1},
        {65536, 1, 65552, 0, 65536},
        {65537, 2, 65569, 1, 1},
        {131072, 2, 131104, 1, 65536},
        {131073, 3, 131121, 2, 1},
        {BODY_SIZE_MAX, UINT32_MAX, BODY_SIZE_MAX + 16 * (uint64_t)UINT32_MAX, UINT32_MAX - 1, 65536},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(body_chunks(cases[i].size), cases[i].chunks);
        assert_int_equal(body_sealed_size(cases[i].size), cases[i].sealed);
        assert_int_equal(body_chunk_len(cases[i].size, cases[i].index), cases[i].chunk_len);
    }
}

// Key, number, end mark, length and every octet count.
static void test_chunk_is_bound(void **state) {
    static const uint8_t key[BODY_KEY_LEN] = {1}, other_key[BODY_KEY_LEN] = {2};
    uint8_t sealed[100 + BODY_TAG_LEN], plain[100], want[100];
    memset(want, 'w', sizeof(want));
    body_chunk_seal(key, 7, true, want, sizeof(want), sealed);
    assert_true(body_chunk_open(key, 7, true, sealed, 100, plain));
    assert_memory_equal(plain, want, 100);
    assert_false(body_chunk_open(key, 8, true, sealed, 100, plain));
    assert_false(body_chunk_open(key, 7, false, sealed, 100, plain));
    assert_false(body_chunk_open(other_key, 7, true, sealed, 100, plain));
    assert_false(body_chunk_open(key, 7, true, sealed, 99, plain));
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 0x10;
        assert_false(body_chunk_open(key, 7, true, sealed, 100, plain));
        sealed[i] ^= 0x10;
    }
    assert_true(body_chunk_open(key, 7, true, sealed, 100, plain));
}

static void test_digest(void **state) {
    static const size_t sizes[] = {0, 1000, 65536, 300000};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *data = make_message(sizes[i], 1);
        uint8_t got[32], want[32];
        struct store_body *b = make_body(&f, data, sizes[i]);
        store_body_digest(b, got);
        assert_int_equal(EVP_Digest(data, sizes[i], want, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(got, want, 32);
        store_body_free(b);
        free(data);
    }
    fixture_done(&f);
}

// Bodies that end in the middle leave nothing, wherever they were.
static void test_abort(void **state) {
    static const size_t sizes[] = {0, 100, 70000, 500000};
    struct fixture f;
    fixture_init(&f);
    char *data = make_message(500000, 1);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int turns = 0; turns < 3; turns++) {
            struct store_body *b = store_body_new(f.store, f.loop);
            (void)store_body_write(b, slice_make(data, sizes[i]));
            for (int turn = 0; turn < turns; turn++)
                loop_run_ready(f.loop);
            store_body_free(b);

            b = store_body_new(f.store, f.loop);
            (void)store_body_write(b, slice_make(data, sizes[i]));
            store_body_finish(b, NULL, NULL);
            for (int turn = 0; turn < turns; turn++)
                loop_run_ready(f.loop);
            store_body_free(b);
        }
        store_body_free(make_body(&f, data, sizes[i])); // complete, and never delivered
    }
    store_body_free(NULL);
    free(data);
    fixture_close(&f);
    loop_run_ready(f.loop);
    assert_int_equal(fixture_files(&f, NULL), 0);
    fixture_open(&f);
    fixture_done(&f);
}

static void on_ready(void *arg) {
    unsigned *n = arg;
    (*n)++;
}

static void stop(void *arg, enum store_status status) {
    assert_int_equal(status, STORE_OK);
    loop_stop(arg);
}

// A writer that does not heed the hint loses nothing; one that does is called back.
static void test_backpressure(void **state) {
    struct fixture f;
    fixture_init(&f);
    unsigned n_ready = 0;
    char *data = make_message(1 << 20, 1);
    struct store_body *b = store_body_new(f.store, f.loop);
    store_body_set_on_ready(b, on_ready, &n_ready);
    assert_true(store_body_write(b, slice_make(data, 65536)));
    assert_true(store_body_write(b, slice_make(data + 65536, 1)));
    assert_false(store_body_write(b, slice_make(data + 65537, 300000)));
    assert_int_equal(n_ready, 0);
    store_body_finish(b, stop, f.loop);
    loop_run(f.loop);
    assert_int_equal(n_ready, 1);
    uint8_t got[32], want[32];
    store_body_digest(b, got);
    assert_int_equal(EVP_Digest(data, 365537, want, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(got, want, 32);
    store_body_free(b);
    free(data);
    fixture_done(&f);
}

// An operation with a body that was not finished makes no sense.
static void test_unfinished(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    struct store_append *append_op = store_append_new(store_body_new(f.store, f.loop), a, SLICE("INBOX"));
    assert_int_equal(run_and_free(&f, &append_op->op), STORE_INVALID);
    assert_string_equal(describe(&f, a, "INBOX"), "1/0/0/0/0");
    fixture_done(&f);
}

static void make_file(const char *dir, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/bodies/%s", dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

// What a crash leaves is removed at the next start, and what is delivered stays.
static void test_sweep(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *data = make_message(100000, 1), path[256], sub[256];
    assert_int_equal(deliver(&f, "a@example.org", data, 100000, NULL), STORE_DELIVERED);
    fixture_close(&f);
    (void)snprintf(sub, sizeof(sub), "%s/bodies/5a", f.dir);
    assert_true(mkdir(sub, 0700) == 0 || access(sub, F_OK) == 0);
    make_file(f.dir, "5a/0123456789abcdef0123456789abcd");
    make_file(f.dir, "5a/0123456789abcdef0123456789abce");
    assert_int_equal(fixture_files(&f, NULL), 3);
    fixture_open(&f);
    assert_int_equal(fixture_files(&f, path), 1);
    assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/100000");
    free(data);
    fixture_done(&f);
}

// Without O_TMPFILE a file has its name from the start.
static void test_named_files(void **state) {
    struct fixture f;
    fixture_init(&f);
    struct body_dir *d = body_dir_open(f.dir);
    assert_non_null(d);
    struct body_name name;
    bool named;
    body_dir_test_without_tmpfile(d);
    int fd = body_dir_create(d, &name, &named);
    assert_true(fd >= 0 && named);
    assert_int_equal(fixture_files(&f, NULL), 1);
    assert_true(body_dir_publish(d, fd, &name, named));
    (void)close(fd);
    fd = body_dir_open_file(d, &name);
    assert_true(fd >= 0);
    (void)close(fd);
    body_dir_unlink(d, &name);
    body_dir_unlink(d, &name);
    assert_int_equal(body_dir_open_file(d, &name), -1);
    body_dir_unref(d);
    fixture_done(&f);
}

static enum store_status read_back(struct fixture *f, uint64_t inbox, uint64_t offset) {
    struct store_uid_range all = {1, UINT32_MAX};
    struct store_fetch *fetch = store_fetch_new(inbox, &all, 1, STORE_FETCH_HEADER);
    assert_int_equal(run_op(f, &fetch->op), STORE_OK);
    assert_int_equal(fetch->ret_n_messages, 1);
    struct store_body_read *r = store_body_read_new(&fetch->ret_messages[0], offset, 1000);
    store_op_free(&fetch->op);
    return run_and_free(f, &r->op);
}

// Cut short, grown, changed, or with chunks in another order: it is told, and the rest of the store is not disturbed.
static void test_damage(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    make_account(&f, "a@example.org", &inbox);
    char *data = make_message(200000, 1), path[256];
    assert_int_equal(deliver(&f, "a@example.org", data, 200000, NULL), STORE_DELIVERED);
    assert_int_equal(fixture_files(&f, path), 1);
    int fd = open(path, O_RDWR);
    static uint8_t whole[200064], damaged[200064];
    assert_int_equal(pread(fd, whole, sizeof(whole), 0), sizeof(whole));
    for (int i = 0; i < 4; i++) {
        memcpy(damaged, whole, sizeof(whole));
        size_t len = sizeof(whole);
        if (i == 0)
            len = 2 * 65552; // whole chunks are missing
        else if (i == 1)
            damaged[150000] ^= 1;
        else if (i == 2)
            memcpy(damaged + 65552, whole, 65552);
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        assert_int_equal(pwrite(fd, damaged, len, 0), len);
        assert_int_equal(read_back(&f, inbox, 0), STORE_OK);
        assert_int_equal(read_back(&f, inbox, i == 2 ? 70000 : 199000), i == 1 || i == 3 ? STORE_OK : STORE_FAILED);
        if (i == 1)
            assert_int_equal(read_back(&f, inbox, 150000), STORE_FAILED);
    }
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_back(&f, inbox, 0), STORE_NOT_FOUND);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, whole, sizeof(whole)), sizeof(whole));
    (void)close(fd);
    free(data);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_chunk_is_bound), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_abort), cmocka_unit_test(test_backpressure),   cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_sweep), cmocka_unit_test(test_named_files),    cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("store/body", tests, NULL, NULL);
}
