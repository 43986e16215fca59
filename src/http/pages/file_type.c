// SPDX-License-Identifier: MIT
#include "http/pages/file_type.h"

#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

static const struct file_type types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".json", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".md", "text/plain; charset=utf-8", true},
    {".asc", "text/plain; charset=utf-8", true},
    {".xml", "application/xml", true},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".jpeg", "image/jpeg", false},
    {".gif", "image/gif", false},
    {".webp", "image/webp", false},
    {".avif", "image/avif", false},
    {".ico", "image/x-icon", false},
    {".woff", "font/woff", false},
    {".woff2", "font/woff2", false},
    {".pdf", "application/pdf", false},
    {".mp4", "video/mp4", false},
    {".webm", "video/webm", false},
};

const struct file_type *file_type_of(const char *path) {
    static const struct file_type unknown = {"", "application/octet-stream", false};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_ends_with_ci(slice_from_cstr(path), slice_from_cstr(types[i].extension)))
            return &types[i];
    return &unknown;
}
