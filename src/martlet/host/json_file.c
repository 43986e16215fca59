// SPDX-License-Identifier: MIT
#include "martlet/host/json_file.h"

#include <stdlib.h>

enum { JSON_FILE_MAX = 64 * 1024 };

json_t *json_file_read(int dir_fd, const char *name) {
    struct buf text;
    char error[FILES_ERROR_MAX];
    json_t *ret = NULL;
    buf_init(&text, JSON_FILE_MAX);
    if (files_read(dir_fd, name, true, &text, error))
        ret = json_loadb(buf_slice(&text).ptr, buf_slice(&text).len, 0, NULL);
    buf_done(&text);
    return ret;
}

bool json_file_write(int dir_fd, const char *name, json_t *content, char ret_error[FILES_ERROR_MAX]) {
    char *text = json_dumps(content, JSON_INDENT(2));
    ASSERT(text != NULL);
    json_decref(content);
    bool ok = files_write(dir_fd, name, slice_from_cstr(text), ret_error);
    free(text);
    return ok;
}

int64_t json_file_time(const json_t *from, const char *key) {
    json_int_t at = json_integer_value(json_object_get(from, key));
    return at > 0 ? at : 0;
}
