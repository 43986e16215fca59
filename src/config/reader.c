// SPDX-License-Identifier: MIT
#include "config/reader.h"

#include <ini.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct reading {
    const struct config_reader *reader;
    struct slice left;
    int line; // of what inih was given last; 1 is the first
    bool is_indented;
    // The key whose value is being gathered; NULL when there is none.
    char *key, *section;
    int key_line;
    struct buf value;
    bool is_too_long;
};

// inih keeps its options in variables of the library, one set for the process.
static void set_ini_options(void) {
    ini_allow_multiline = true;
    ini_allow_bom = true;
    ini_allow_inline_comments = false;
    ini_use_stack = false;
    ini_initial_alloc = CONFIG_LINE_MAX + 3; // inih wants room for CR, LF and NUL
    ini_max_line = CONFIG_LINE_MAX + 3;
    ini_stop_on_first_error = false;
}

static void bad_line(struct reading *r, int line, const char *reason) {
    r->reader->on_bad_line(r->reader->arg, line, reason);
}

// Hands inih one line a call, as fgets() would. A line that cannot be INI is reported and shown as an empty one.
static char *next_line(char *room, int room_size, void *stream) {
    struct reading *r = stream;
    if (r->left.len == 0)
        return NULL;
    size_t end = slice_find(r->left, '\n');
    struct slice line = slice_sub(r->left, 0, end + 1);
    r->left = slice_sub(r->left, end + 1, r->left.len);
    r->line++;
    if (line.len > CONFIG_LINE_MAX || line.len + 1 > (size_t)room_size) {
        bad_line(r, r->line, "the line has more than 8192 octets");
        line = SLICE("\n");
    } else if (memchr(line.ptr, '\0', line.len) != NULL) {
        bad_line(r, r->line, "the line holds a NUL octet");
        line = SLICE("\n");
    }
    r->is_indented = line.ptr[0] == ' ' || line.ptr[0] == '\t';
    memcpy(room, line.ptr, line.len);
    room[line.len] = '\0';
    return room;
}

static void end_pair(struct reading *r) {
    if (r->key == NULL)
        return;
    if (r->is_too_long)
        bad_line(r, r->key_line, "the value has more than 16384 octets");
    else
        r->reader->on_pair(r->reader->arg, r->key_line, r->section, r->key, slice_trim(buf_slice(&r->value)));
    free(r->key);
    free(r->section);
    r->key = r->section = NULL;
    buf_done(&r->value);
}

static int on_ini_pair(void *user, const char *section, const char *key, const char *value) {
    struct reading *r = user;
    // inih shows a continuation line as one more pair of the same name.
    bool continues = r->is_indented && r->key != NULL && strcmp(r->key, key) == 0 && strcmp(r->section, section) == 0;
    if (!continues) {
        end_pair(r);
        r->key = mem_strndup(key, strlen(key));
        r->section = mem_strndup(section, strlen(section));
        r->key_line = r->line;
        r->is_too_long = false;
    }
    bool ok = !continues || buf_append(&r->value, "\n", 1);
    if (!ok || !buf_append_cstr(&r->value, value))
        r->is_too_long = true;
    return 1;
}

// As editors of another system save it; inih would show every letter of it as an error.
static bool is_utf16(struct slice text) {
    return slice_starts_with(text, SLICE("\xff\xfe")) || slice_starts_with(text, SLICE("\xfe\xff"));
}

bool config_read(struct slice text, const struct config_reader *reader) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_ini_options);
    const char *reason = text.len > CONFIG_TEXT_MAX ? "the file has more than 1 MiB"
                         : is_utf16(text)           ? "the file is in UTF-16; save it as UTF-8"
                                                    : NULL;
    if (reason != NULL) {
        reader->on_bad_line(reader->arg, 1, reason);
        return false;
    }
    struct reading r = {.reader = reader, .left = text};
    buf_init(&r.value, CONFIG_VALUE_MAX);
    int status = ini_parse_stream(next_line, &r, on_ini_pair, &r);
    end_pair(&r);
    ASSERT(status >= 0); // negative: out of memory
    if (status > 0)
        bad_line(&r, status, "neither \"key = value\" nor a section nor a comment");
    return true;
}
