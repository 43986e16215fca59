// SPDX-License-Identifier: MIT
#include "store/sqlite/body_access.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct body_row {
    uint64_t format, size;
    bool in_file;
    struct body_name name;
};

static enum store_status load_row(struct db *db, uint64_t id, struct body_row *ret) {
    struct query q;
    query_begin(&q, db, SQL_BODY_LOAD);
    query_bind_u64(&q, id);
    bool found = query_row(&q);
    if (found) {
        struct slice file = query_blob(&q, 2);
        *ret = (struct body_row){.format = query_u64(&q, 0), .size = query_u64(&q, 1)};
        ret->in_file = file.len == sizeof(ret->name.octets);
        if (ret->in_file)
            memcpy(ret->name.octets, file.ptr, file.len);
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_NOT_FOUND : status;
}

static enum store_status load_data(struct db *db, uint64_t id, struct body_access *ret) {
    struct query q;
    query_begin(&q, db, SQL_BODY_DATA_LOAD);
    query_bind_u64(&q, id);
    bool found = query_row(&q);
    if (found) {
        struct slice data = query_blob(&q, 0);
        ret->data = mem_strndup(data.ptr, data.len);
        ret->source.data = ret->data;
        ret->source.data_len = data.len;
    }
    enum store_status status = query_end(&q);
    return status == STORE_OK && !found ? STORE_FAILED : status;
}

enum store_status body_access_open(struct db *db, uint64_t id, const uint8_t key[BODY_KEY_LEN],
                                   struct body_access *ret) {
    struct body_row row;
    enum store_status status = load_row(db, id, &row);
    if (status != STORE_OK)
        return status;
    *ret = (struct body_access){.source = {.fd = -1, .size = row.size, .key = key}};
    if (row.format != BODY_FORMAT)
        return STORE_FAILED;
    if (!row.in_file)
        return load_data(db, id, ret);
    ret->source.fd = body_dir_open_file(db->conn.context->bodies, &row.name);
    if (ret->source.fd >= 0)
        return STORE_OK;
    // A reader's view may be older than the removal of the file.
    return errno == ENOENT ? STORE_NOT_FOUND : STORE_FAILED;
}

void body_access_close(struct body_access *a) {
    if (a->source.fd >= 0)
        (void)close(a->source.fd);
    free(a->data);
}
