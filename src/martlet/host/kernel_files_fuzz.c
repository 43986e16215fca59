// SPDX-License-Identifier: MIT
// Files of /proc and of control groups as no kernel writes them: the numbers lie within what was there, and a limit
// that makes no sense is none. The first octet picks the file; what it names is a slice of the text.
#include <string.h>

#include "martlet/host/memory_stats.h"
#include "martlet/host/port_holder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_cgroup(struct slice text) {
    bool is_v2 = false;
    struct slice path = SLICE_EMPTY;
    if (!memory_parse_cgroup(text, &is_v2, &path))
        return;
    ASSERT(path.len <= text.len && slice_find(path, '\n') == path.len);
    ASSERT(path.len == 0 || (path.ptr >= text.ptr && path.ptr + path.len <= text.ptr + text.len));
}

static void try_statm(struct slice text) {
    struct memory_statm m;
    if (memory_parse_statm(text, 1, &m))
        ASSERT(text.len >= 11); // six numbers and the blanks between them
}

static void try_stat(struct slice text) {
    uint64_t files, limit;
    memory_parse_stat_v1(text, &files, &limit);
    ASSERT(limit == UINT64_MAX || slice_find_slice(text, SLICE("hierarchical_memory_limit")) < text.len);
    ASSERT(files == 0 || slice_find_slice(text, SLICE("active_file")) < text.len);
    ASSERT(memory_parse_stat_v2(text) == 0 || text.len > 5);
}

static void try_limit(struct slice text) {
    uint64_t limit = memory_parse_limit(text), number;
    ASSERT(limit == UINT64_MAX || (slice_to_u64(slice_trim(text), &number) && number == limit));
}

static void try_sockets(struct slice text) {
    while (text.len > 0) {
        struct slice line;
        uint64_t inode;
        (void)slice_cut(text, '\n', &line, &text);
        if (port_holder_parse_line(line, 443, false, &inode))
            ASSERT(slice_find_slice(line, SLICE("1BB")) < line.len &&
                   !port_holder_parse_line(line, 443, true, &inode) &&
                   !port_holder_parse_line(line, 25, false, &inode));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const readers[])(struct slice text) = {try_cgroup, try_statm, try_stat, try_limit, try_sockets};
    if (size > 0)
        readers[data[0] % ARRAY_LEN(readers)](slice_make((const char *)data + 1, size - 1));
    return 0;
}
