// SPDX-License-Identifier: MIT
#include "http/pages/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/pages/file_type.h"
#include "mail/utf8.h"

enum { READ_STEP = 64 * 1024, NAMES_MAX = 2 * OVERLAY_FILES_MAX };

struct walk {
    struct page_sources *sources;
    const char *folder; // as the operator wrote it
    char real[PATH_MAX];
    size_t n_files, total;
    bool is_full;
};

static void read_folder(struct walk *w, int dir_fd, const char *path, unsigned depth);

// "FOLDER/PATH: why; the file is left out"
static void leave_out(const struct walk *w, const char *path, const char *why) {
    sources_complain(w->sources, "%.*s/%.*s: %s; it is left out", OVERLAY_PATH_MAX / 2, w->folder, OVERLAY_PATH_MAX / 2,
                     path, why);
}

static bool is_utf8(struct slice s) {
    while (s.len > 0) {
        size_t n = utf8_sequence_len(s);
        if (n == 0)
            return false;
        s = slice_sub(s, n, s.len);
    }
    return true;
}

static size_t line_of_bad_utf8(struct slice s) {
    size_t line = 1;
    for (size_t n; (n = utf8_sequence_len(s)) > 0; s = slice_sub(s, n, s.len))
        if (s.ptr[0] == '\n')
            line++;
    return line;
}

// errno says why not: EFBIG for a file over the maximum.
static bool read_all(int fd, struct buf *ret) {
    for (;;) {
        char *room = buf_reserve(ret, READ_STEP);
        if (room == NULL) {
            errno = EFBIG;
            return false;
        }
        ssize_t n = read(fd, room, READ_STEP);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        buf_added(ret, (size_t)n);
        if (ret->len > OVERLAY_FILE_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

static void take_octets(struct walk *w, const char *path, struct slice octets) {
    char why[100];
    bool is_text = file_type_of(path)->is_text;
    // A byte order mark (RFC 3629 section 6) means nothing at the head of a file and would do harm within a page.
    if (is_text && slice_starts_with(octets, SLICE("\xef\xbb\xbf")))
        octets = slice_sub(octets, 3, octets.len);
    if (is_text && !is_utf8(octets)) {
        (void)snprintf(why, sizeof(why), "line %zu is not UTF-8: save the file as UTF-8", line_of_bad_utf8(octets));
        leave_out(w, path, why);
        return;
    }
    if (w->n_files == OVERLAY_FILES_MAX || w->total + octets.len > OVERLAY_TOTAL_MAX) {
        sources_complain(w->sources, "%.*s: more than %d files or %d MB; what follows %.*s is left out",
                         OVERLAY_PATH_MAX / 2, w->folder, OVERLAY_FILES_MAX, OVERLAY_TOTAL_MAX >> 20,
                         OVERLAY_PATH_MAX / 2, path);
        w->is_full = true;
        return;
    }
    w->n_files++;
    w->total += octets.len;
    sources_add_own(w->sources, w->folder, path, slice_dup(octets), octets.len);
}

// Takes the descriptor over.
static void read_file(struct walk *w, int fd, const char *path) {
    struct stat st;
    struct buf octets;
    buf_init(&octets, OVERLAY_FILE_MAX + 2 * READ_STEP);
    char why[100];
    if (fd < 0 || fstat(fd, &st) != 0)
        leave_out(w, path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        leave_out(w, path, "it is not a regular file");
    else if (read_all(fd, &octets))
        take_octets(w, path, buf_slice(&octets));
    else if (errno == EFBIG) {
        (void)snprintf(why, sizeof(why), "it is larger than %d MB", OVERLAY_FILE_MAX >> 20);
        leave_out(w, path, why);
    } else {
        leave_out(w, path, strerror(errno));
    }
    buf_done(&octets);
    if (fd >= 0)
        (void)close(fd);
}

// A link may lead to a file within the folder.
static void follow_link(struct walk *w, const char *path) {
    char link[PATH_MAX], target[PATH_MAX];
    int n = snprintf(link, sizeof(link), "%s/%s", w->real, path);
    size_t len = strlen(w->real);
    if (n < 0 || (size_t)n >= sizeof(link) || realpath(link, target) == NULL)
        leave_out(w, path, "it is a link that leads nowhere");
    else if (strncmp(target, w->real, len) != 0 || (target[len] != '/' && target[len] != '\0'))
        leave_out(w, path, "it is a link that leads out of the folder: copy the file into it");
    else
        // Not blocking, in case it is a FIFO.
        read_file(w, open(target, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
}

static void enter_folder(struct walk *w, int dir_fd, const char *name, const char *path, unsigned depth) {
    int fd = depth < OVERLAY_DEPTH_MAX ? openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (depth == OVERLAY_DEPTH_MAX)
        leave_out(w, path, "its folders are too deep within each other");
    else if (fd < 0)
        leave_out(w, path, strerror(errno));
    else
        read_folder(w, fd, path, depth + 1);
}

static bool is_good_name(struct slice name) {
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f || name.ptr[i] == '\\')
            return false;
    return is_utf8(name);
}

static void read_entry(struct walk *w, int dir_fd, const char *folder_path, const char *name, unsigned depth) {
    char path[OVERLAY_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s%s", folder_path, folder_path[0] != '\0' ? "/" : "", name);
    struct stat st;
    if (n < 0 || (size_t)n >= sizeof(path))
        leave_out(w, path, "its path is too long");
    else if (!is_good_name(slice_from_cstr(name)))
        leave_out(w, path, "its name holds what no address of a page can hold");
    else if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        leave_out(w, path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        enter_folder(w, dir_fd, name, path, depth);
    else if (S_ISLNK(st.st_mode))
        follow_link(w, path);
    else
        read_file(w, openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_passed_over(struct slice name) {
    return slice_starts_with(name, SLICE(".")) || slice_ends_with(name, SLICE("~"));
}

// The names in a folder in a stable order. The caller frees them and the array.
static char **list_names(DIR *dir, size_t *ret_n) {
    char **names = NULL;
    size_t n = 0, cap = 0;
    const struct dirent *entry;
    while (n < NAMES_MAX && (entry = readdir(dir)) != NULL) {
        if (is_passed_over(slice_from_cstr(entry->d_name)))
            continue;
        if (n == cap) {
            cap = cap > 0 ? cap * 2 : 16;
            names = mem_realloc(names, cap * sizeof(char *));
        }
        names[n++] = slice_dup(slice_from_cstr(entry->d_name));
    }
    if (n > 0)
        qsort(names, n, sizeof(char *), compare_names);
    *ret_n = n;
    return names;
}

// Takes the descriptor over.
static void read_folder(struct walk *w, int dir_fd, const char *path, unsigned depth) {
    DIR *dir = fdopendir(dir_fd);
    ASSERT(dir != NULL);
    size_t n;
    char **names = list_names(dir, &n);
    for (size_t i = 0; i < n; i++) {
        if (!w->is_full)
            read_entry(w, dirfd(dir), path, names[i], depth);
        free(names[i]);
    }
    free(names);
    (void)closedir(dir);
}

void overlay_read(const char *folder, struct page_sources *ret) {
    struct walk w = {.sources = ret, .folder = folder};
    int fd = realpath(folder, w.real) != NULL ? open(w.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        sources_complain(ret, "www_folder %.*s: %s; the built-in pages are used", OVERLAY_PATH_MAX, folder,
                         strerror(errno));
    else
        read_folder(&w, fd, "", 1);
    sources_sort(ret);
}
