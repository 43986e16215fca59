// SPDX-License-Identifier: MIT
#include "martlet/host/preflight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"
#include "config/config.h"
#include "martlet/host/crew.h"
#include "martlet/host/user.h"
#include "push/gateway.h"

enum {
    FILES_FEW = 4096,           // descriptors; with fewer a relay of a few thousand clients runs out of them
    FILES_AT_REST = 64,         // what a relay needs without a client,
    FILES_A_CORE = 16,          // and for each loop of it
    ROOM_MIN = 4 * 1024 * 1024, // octets that a new store needs
    READING_MIN = 128 * 1024,   // octets that one needs that is there
    INODES_MIN = 16,            // files that a new store makes
    USER_TEXT_MAX = 64,
    PATH_SHOWN_MAX = 1024,
};
// Before the first release of this program: a clock that says so has never been set.
static const int64_t clock_min_s = 1735689600; // 2025-01-01

PRINTF_LIKE(3, 4) static bool tell(const struct preflight *p, bool is_warning, const char *fmt, ...) {
    char text[PREFLIGHT_SENTENCE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    p->on_problem(p->arg, is_warning, text);
    return is_warning;
}

static void write_user(uid_t uid, char ret[USER_TEXT_MAX]) {
    struct passwd entry, *found = NULL;
    char space[4096];
    if (getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 && found != NULL)
        (void)snprintf(ret, USER_TEXT_MAX, "%s", found->pw_name);
    else
        (void)snprintf(ret, USER_TEXT_MAX, "%u", (unsigned)uid);
}

// ---- the machine ----

static void look_at_clock(const struct preflight *p) {
    time_t now = (time_t)clock_wall_s();
    char date[32] = "?";
    struct tm tm;
    if (now >= (time_t)clock_min_s)
        return;
    if (gmtime_r(&now, &tm) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    (void)tell(
        p, true,
        "the clock of this machine says %s, which has passed: set it (timedatectl set-ntp true); until then other "
        "servers and clients refuse certificates and signatures",
        date);
}

// Root raises it for the relay, unless it is a container's. With fewer than a relay needs at rest, whatever is opened
// last would fail, and a database that cannot be opened looks like a damaged one.
static bool look_at_limits(const struct preflight *p) {
    struct rlimit limit;
    if (p->is_dev || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    rlim_t least = FILES_AT_REST + FILES_A_CORE * crew_cores();
    if (limit.rlim_max < least && setrlimit(RLIMIT_NOFILE, &(struct rlimit){least, least}) != 0)
        return tell(p, false,
                    "this process may open %llu files, and a relay needs %llu before anybody comes: raise the limit "
                    "(LimitNOFILE= of the service, ulimit -n of a shell)",
                    (unsigned long long)limit.rlim_max, (unsigned long long)least);
    if (geteuid() == 0 || limit.rlim_max >= FILES_FEW)
        return true;
    return tell(p, true,
                "this process may open %llu files, and every connection is one: raise the limit (LimitNOFILE= of the "
                "service, ulimit -n of a shell)",
                (unsigned long long)limit.rlim_max);
}

// ---- what the configuration names ----

// Who opens the files: the relay, after it has changed its user.
static bool find_uid(const struct preflight *p, uid_t *ret_uid, gid_t *ret_gid) {
    *ret_uid = geteuid();
    *ret_gid = getegid();
    return *ret_uid != 0 || p->is_dev || user_find(p->config->user, ret_uid, ret_gid);
}

// Folders above it, groups and access lists have a say: only the kernel knows. A process of its own asks it as the user
// that the relay becomes.
static bool may_read(const char *path, uid_t uid, gid_t gid) {
    if (geteuid() != 0 || uid == 0)
        return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(user_become(uid, gid) == 0 && access(path, R_OK) != 0 ? 1 : 0);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 0; // else its start says what is wrong
}

static bool look_at_file(const struct preflight *p, const char *key, const char *path) {
    uid_t uid;
    gid_t gid;
    struct stat st;
    char user[USER_TEXT_MAX];
    if (path[0] == '\0' || !find_uid(p, &uid, &gid))
        return true; // that there is no such user is told elsewhere
    if (stat(path, &st) != 0)
        return tell(p, false, "%s: %.300s: %s", key, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tell(p, false, "%s: %.300s is not a file", key, path);
    write_user(uid, user);
    return may_read(path, uid, gid) ||
           tell(p, false, "%s: %.300s cannot be read by the user %s: chmod o+r %.200s, and o+x the folders above it",
                key, path, user, path);
}

static void look_at_hook(const struct preflight *p) {
    const char *hook = p->config->acme_dns_hook;
    if (hook[0] != '\0' && access(hook, X_OK) != 0)
        (void)tell(p, true, "acme_dns_hook: %.300s cannot be run (%s): no certificate will come", hook,
                   strerror(errno));
}

static bool is_in_path(const char *program) {
    struct slice rest = slice_from_cstr(getenv("PATH") != NULL ? getenv("PATH") : "/usr/bin:/bin"), dir;
    while (rest.len > 0) {
        char path[PATH_MAX];
        (void)slice_cut(rest, ':', &dir, &rest);
        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)(dir.len < PATH_SHOWN_MAX ? dir.len : 0), dir.ptr, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static void look_at_acme(const struct preflight *p) {
    if (!p->is_dev && config_certificate_source(p->config) == CERTIFICATE_FROM_ACME && !is_in_path("uacme"))
        (void)tell(p, true, "the program uacme, which asks for certificates, is not installed: apt-get install uacme");
}

// What a relay does without, and says so in its log when it starts.
static void look_at_extras(const struct preflight *p) {
    const char *folder = p->config->www_folder, *why = NULL;
    struct stat st;
    if (!p->only_look)
        return;
    if (folder[0] != '\0' && (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)))
        (void)tell(p, true, "www_folder: %.300s is no folder that can be read: the built-in pages are used", folder);
    if (!gateway_is_wanted(p->config, true, &why) && why != NULL)
        (void)tell(p, true, "push_gateway: %s: nobody is notified", why);
}

bool preflight_look(const struct preflight *p) {
    const struct config *c = p->config;
    look_at_extras(p);
    if (!p->is_dev && c->state_dir[0] != '/')
        (void)tell(p, true,
                   "state_dir: %.300s is another directory for each place that a command is run from: begin it with /",
                   c->state_dir);
    look_at_clock(p);
    look_at_hook(p);
    look_at_acme(p);
    return look_at_limits(p) && look_at_file(p, "ca_file", c->ca_file) &&
           look_at_file(p, "dns_root_hints", c->dns_root_hints) &&
           look_at_file(p, "dns_trust_anchor", c->dns_trust_anchor);
}

// ---- the state directory ----

// Why nothing can be made in the deepest folder of the path that is there: an errno, 0 for no reason.
static int why_not_made(const char *dir) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", dir);
    for (char *slash; (slash = strrchr(path, '/')) != NULL && slash != path;) {
        *slash = '\0';
        if (access(path, F_OK) == 0)
            return access(path, W_OK | X_OK) == 0 ? 0 : errno;
    }
    return access("/", W_OK | X_OK) == 0 ? 0 : errno;
}

void preflight_explain_dir(const char *dir, int error, char ret[PREFLIGHT_SENTENCE_MAX]) {
    char user[USER_TEXT_MAX];
    if (error == ENOENT && why_not_made(dir) != 0)
        error = why_not_made(dir);
    write_user(geteuid(), user);
    if (error == ENOTDIR)
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX,
                       "state_dir: %.300s is not a directory, or a part of the path is none: name another one", dir);
    else if (error == EACCES || error == EPERM)
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX,
                       "state_dir: %.300s may not be used by %s: start as root, or as the user whose it is", dir, user);
    else if (error == ENOSPC)
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX,
                       "state_dir: %.300s cannot be made, for the disk is full: make room (df, df -i)", dir);
    else if (error == EROFS)
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX,
                       "state_dir: %.300s is on a file system that is mounted read-only: mount it with rw", dir);
    else
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX, "state_dir: %.300s: %s", dir, strerror(error));
}

static bool close_to_others(const struct preflight *p, int state_fd, const struct stat *st) {
    if ((st->st_mode & 077) == 0 || p->is_dev)
        return true;
    const char *dir = p->config->state_dir;
    if (p->only_look)
        return tell(p, true, "state_dir: %.300s is open to other users (mode %o); a start closes it to them (700)", dir,
                    (unsigned)(st->st_mode & 0777));
    // Root without the capability for that cannot, when the directory is the relay's user's.
    if (fchmod(state_fd, st->st_mode & 0700) != 0)
        return tell(p, true, "state_dir: %.300s is open to other users (mode %o): chmod 700 %.200s", dir,
                    (unsigned)(st->st_mode & 0777), dir);
    return tell(p, true, "state_dir: %.300s was open to other users (mode %o) and is closed to them now (700)", dir,
                (unsigned)(st->st_mode & 0777));
}

// What certificates are asked for with is the parent's, whose rights no other user's files may borrow.
static bool has_acme_of_root(const struct preflight *p) {
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%.4000s/acme", p->config->state_dir);
    return geteuid() == 0 && !p->is_dev && lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// False, with the sentence, for what the relay could not use because it is another user's.
static bool is_owned(const struct preflight *p, int dir_fd, const char *name, const char *shown, uid_t uid) {
    struct stat st;
    const char *dir = p->config->state_dir;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISLNK(st.st_mode))
        return true;
    char owner[USER_TEXT_MAX], user[USER_TEXT_MAX];
    write_user(st.st_uid, owner);
    write_user(uid, user);
    if (st.st_uid != uid && has_acme_of_root(p))
        return tell(p, false,
                    "%.250s/%s belongs to the user %s, and the relay runs as %s: chown -R %s %.200s; and then, for the "
                    "certificate, chown -R root %.200s/acme",
                    dir, shown, owner, user, user, dir, dir);
    if (st.st_uid != uid)
        return tell(p, false, "%.250s/%s belongs to the user %s, and the relay runs as %s: chown -R %s %.200s", dir,
                    shown, owner, user, user, dir);
    if ((st.st_mode & S_IRUSR) == 0)
        return tell(p, false, "%.250s/%s may not be read by its owner: chmod u+r %.200s/%s", dir, shown, dir, shown);
    return true;
}

static bool are_keys_owned(const struct preflight *p, int state_fd, uid_t uid) {
    int fd = openat(state_fd, "dkim", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return true;
    }
    bool ok = true;
    const struct dirent *found;
    while (ok && (found = readdir(dir)) != NULL) {
        char shown[NAME_MAX + 8];
        if (!slice_ends_with(slice_from_cstr(found->d_name), SLICE(".pem")))
            continue;
        (void)snprintf(shown, sizeof(shown), "dkim/%s", found->d_name);
        ok = is_owned(p, dirfd(dir), found->d_name, shown, uid);
    }
    (void)closedir(dir);
    return ok;
}

// A store that is there starts on a full disk, so that mail can be fetched and deleted.
static bool has_room(const struct preflight *p, int state_fd) {
    struct statvfs v;
    struct stat st;
    const char *dir = p->config->state_dir;
    if (fstatvfs(state_fd, &v) != 0)
        return true;
    if ((v.f_flag & ST_RDONLY) != 0)
        return tell(p, false, "state_dir: %.300s is on a file system that is mounted read-only: mount it with rw", dir);
    bool is_new = fstatat(state_fd, "martlet.db", &st, AT_SYMLINK_NOFOLLOW) != 0;
    bool lacks_room = (uint64_t)v.f_bavail * v.f_frsize < ROOM_MIN;
    bool lacks_inodes = v.f_files > 0 && v.f_favail < INODES_MIN;
    if (!lacks_room && !lacks_inodes)
        return true;
    const char *what = lacks_room ? "room" : "inodes";
    if (is_new)
        return tell(p, false, "the disk of %.300s has no %s left for a new store: make some (df%s)", dir, what,
                    lacks_room ? "" : " -i");
    return tell(p, true, "the disk of %.300s has no %s left: mail is refused for a while until there is some (df%s)",
                dir, what, lacks_room ? "" : " -i");
}

// Of these names, some are used by others, too: there is /var/lock, and somebody's keys are in a folder `dkim`. What
// the relay makes is no link, and its folders are closed.
bool preflight_is_of_relay(int state_fd) {
    static const struct {
        const char *name;
        mode_t kind;
    } ours[] = {{"martlet.db", S_IFREG}, {"martlet.ini", S_IFREG}, {"lock", S_IFREG},        {"bodies", S_IFDIR},
                {"dkim", S_IFDIR},       {"root.key", S_IFREG},    {"tls/cert.pem", S_IFREG}};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        struct stat st;
        if (fstatat(state_fd, ours[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == ours[i].kind &&
            (ours[i].kind == S_IFREG || (st.st_mode & 077) == 0))
            return true;
    }
    return false;
}

// What mkfs makes in a file system of its own does not count.
static bool is_empty(int state_fd) {
    int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return true; // may not be read: then it cannot be given away either
    }
    bool is_empty = true;
    for (const struct dirent *found; is_empty && (found = readdir(dir)) != NULL;)
        is_empty = strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
                   strcmp(found->d_name, "lost+found") == 0;
    (void)closedir(dir);
    return is_empty;
}

bool preflight_own(const struct preflight *p, int state_fd) {
    struct stat st;
    uid_t uid;
    gid_t gid;
    if (p->is_dev || state_fd < 0 || fstat(state_fd, &st) != 0 || !find_uid(p, &uid, &gid))
        return true;
    bool stays_as_it_is = st.st_uid == uid && (st.st_mode & 077) == 0;
    if (stays_as_it_is || preflight_is_of_relay(state_fd) || is_empty(state_fd))
        return true;
    return tell(p, false,
                "state_dir: %.300s has files of others in it, and would be closed to them: name a directory of its "
                "own, such as %.300s/martlet",
                p->config->state_dir, strcmp(p->config->state_dir, "/") == 0 ? "/var/lib" : p->config->state_dir);
}

bool preflight_state(const struct preflight *p, int state_fd) {
    // The last two are the parent's.
    static const char *const names[] = {"lock", "martlet.db", "bodies", "dkim", "root.key", "tls", "acme"};
    const size_t n_names = geteuid() == 0 && !p->is_dev ? ARRAY_LEN(names) - 2 : ARRAY_LEN(names);
    struct stat st;
    uid_t uid;
    gid_t gid;
    if (state_fd < 0 || fstat(state_fd, &st) != 0 || !find_uid(p, &uid, &gid))
        return true;
    if (p->is_dev && uid == 0)
        uid = st.st_uid;
    char owner[USER_TEXT_MAX], user[USER_TEXT_MAX];
    write_user(st.st_uid, owner);
    write_user(uid, user);
    if (geteuid() != 0 && st.st_uid != uid)
        return tell(p, false, "state_dir: %.300s belongs to %s, and this is %s: start as root, or chown -R %s %.200s",
                    p->config->state_dir, owner, user, user, p->config->state_dir);
    bool ok = close_to_others(p, state_fd, &st) && has_room(p, state_fd);
    for (size_t i = 0; ok && uid != 0 && i < n_names; i++)
        ok = is_owned(p, state_fd, names[i], names[i], uid);
    return ok && (uid == 0 || are_keys_owned(p, state_fd, uid));
}

// ---- what the relay says ----

// SQLite needs a little room even to read.
static bool is_full(const char *dir) {
    struct statvfs v;
    return statvfs(dir, &v) == 0 &&
           ((uint64_t)v.f_bavail * v.f_frsize < READING_MIN || (v.f_files > 0 && v.f_favail < INODES_MIN));
}

void preflight_advise(const char *state_dir, const char *reason, char ret[PREFLIGHT_SENTENCE_MAX]) {
    static const char damaged[] = "it is damaged: `martlet verify DIR` says where; put a backup back";
    static const struct {
        const char *reason, *advice;
        bool may_be_full; // a full disk is the likelier cause
    } known[] = {
        {"the database cannot be read", damaged, true},
        {"the database cannot be opened", damaged, true},
        {"the database cannot be used", damaged, true},
        {"the database could not be brought to this version; it was left as it was", damaged, true},
        {"the database was written by a newer version of this program",
         "install that version again, or put back the backup of DIR from before it", false},
        {"the database is missing or empty, and there are bodies of messages",
         "put martlet.db back from the backup; or, if there is none, rm -r DIR/bodies and begin anew", false},
        {"the database belongs to another program", "name another state_dir than DIR", false},
        {"another process has the state directory open",
         "another relay or `martlet verify` runs with DIR; end it first", false},
        {"the file of trusted roots cannot be read, or holds no readable PEM certificate",
         "see ca_file, or install ca-certificates", false},
    };
    (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX, "%s", reason);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(reason, known[i].reason) != 0)
            continue;
        struct slice advice = slice_from_cstr(known[i].may_be_full && is_full(state_dir)
                                                  ? "the disk of DIR is full: make room (df, df -i)"
                                                  : known[i].advice);
        size_t at = slice_find_slice(advice, SLICE("DIR"));
        struct slice rest = slice_sub(advice, at + strlen("DIR"), advice.len);
        (void)snprintf(ret, PREFLIGHT_SENTENCE_MAX, "%s: %.*s%.200s%.*s", reason, (int)at, advice.ptr,
                       at < advice.len ? state_dir : "", SLICE_FMT(rest));
    }
}
