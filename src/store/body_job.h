// SPDX-License-Identifier: MIT
// The executor's side of a large body: its file, and the BULK operations that write it. A job works on the file while
// it is in flight; between jobs the file belongs to the body. Private to the store.
#pragma once

#include "store/body_dir.h"
#include "store/body_format.h"
#include "store/store.h"

struct body_file {
    struct body_dir *dir;
    uint8_t key[BODY_KEY_LEN];
    int fd; // -1: none yet
    struct body_name name;
    bool named; // the name stands in the directory
};

// Draws the key; makes no file.
void body_file_init(struct body_file *f, struct body_dir *dir);
void body_file_close(struct body_file *f);
// Closes, and removes what is there, on an executor thread: freeing the blocks of a large file takes a while.
void body_file_discard(struct body_file *f, struct store *s);

// Removes a file whose last row is gone.
void body_file_unlink(struct store *s, const struct body_name *name);

enum body_job_kind {
    BODY_JOB_CHUNK,   // seals a chunk and writes it; the first one makes the file
    BODY_JOB_PUBLISH, // syncs the file and names it
    BODY_JOB_DISCARD, // closes fd, removes the file when it is named
};
struct body_job {
    struct store_op op;
    enum body_job_kind kind;
    struct body_file *file;
    struct body_file own; // DISCARD
    uint64_t index;       // CHUNK
    bool last;
    char *plain; // owned
    size_t len;
};
struct body_job *body_job_new(struct body_file *f, enum body_job_kind kind);
