// SPDX-License-Identifier: MIT
// A file as it is sent: its ETag, which is the same for the same octets whoever serves them, and its compressed form.
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "http/pages/pages_internal.h"

enum {
    ETAG_OCTETS = 16, // of SHA-256
    GZIP_MIN = 256,   // below that it saves nothing
    GZIP_WINDOW = 31, // 15 bits, and 16 for the gzip format
    GZIP_MEMORY = 9,
};

static void write_etags(struct page_file *f) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    ASSERT(EVP_Digest(f->body.ptr, f->body.len, digest, NULL, EVP_sha256(), NULL) == 1);
    char hex[2 * ETAG_OCTETS + 1];
    for (size_t i = 0; i < ETAG_OCTETS; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(f->etag, sizeof(f->etag), "\"%s\"", hex);
    (void)snprintf(f->gzip_etag, sizeof(f->gzip_etag), "\"%s-gz\"", hex);
}

// NULL when that would not be smaller. The gzip header carries no time, so equal octets stay equal.
static char *compress_body(struct slice body, size_t *ret_len) {
    z_stream z = {0};
    if (body.len < GZIP_MIN ||
        deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    char *out = mem_alloc(body.len);
    z.next_in = (Bytef *)(uintptr_t)body.ptr;
    z.avail_in = (uInt)body.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)body.len;
    bool is_smaller = deflate(&z, Z_FINISH) == Z_STREAM_END;
    *ret_len = body.len - z.avail_out;
    (void)deflateEnd(&z);
    if (is_smaller)
        return mem_realloc(out, *ret_len);
    free(out);
    return NULL;
}

void output_init(struct output *o, const char *content_type, struct slice body, char *owned, bool is_text) {
    *o = (struct output){.file = {.content_type = content_type, .body = body, .gzip = SLICE_EMPTY}, .body = owned};
    size_t len = 0;
    o->gzip = is_text ? compress_body(body, &len) : NULL;
    if (o->gzip != NULL)
        o->file.gzip = slice_make(o->gzip, len);
    write_etags(&o->file);
}

void output_done(struct output *o) {
    free(o->body);
    free(o->gzip);
    *o = (struct output){0};
}
