// SPDX-License-Identifier: MIT
// What a relay answers to its operator's commands, who may be root at a terminal: whatever it says, the command ends,
// and what is printed holds nothing that a terminal would obey. The first octet picks the command; the rest is sent as
// the answer, by a thread that stands for the relay.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/printable.h"
#include "martlet/command/command.h"
#include "martlet/command/control_socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 4 };

static const struct {
    const struct command *command;
    const char *words[WORDS_MAX]; // beside --dir
} lines[] = {
    {&status_command, {NULL}},
    {&status_command, {"--json"}},
    {&account_command, {"list"}},
    {&account_command, {"list", "--json"}},
    {&account_command, {"show", "someone"}},
    {&account_command, {"show", "someone", "--json"}},
    {&account_command, {"delete", "someone", "--yes"}},
    {&invite_command, {NULL}},
    {&invite_command, {"--json"}},
    {&invite_command, {"list"}},
    {&queue_command, {"list"}},
    {&queue_command, {"show", "a.test"}},
    {&queue_command, {"retry"}},
    {&queue_command, {"drop", "a.test"}},
    {&expire_command, {"--dry-run"}},
    {&dkim_command, {"list"}},
    {&metrics_command, {NULL}},
};

static struct {
    char dir[64];
    int listener;
    pthread_mutex_t lock;  // held while an answer is sent
    const uint8_t *answer; // of the connections to come
    size_t len;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

// ---- the relay ----

// True when a request came. What it wants is not looked at.
static bool read_request(int fd) {
    char piece[4096];
    ssize_t n;
    while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
        if (piece[n - 1] == '\n')
            return true;
    return false;
}

static void send_answer(int fd) {
    ssize_t n = 0;
    for (size_t at = 0; at < world.len && n >= 0; at += n > 0 ? (size_t)n : 0)
        n = send(fd, world.answer + at, world.len - at, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
}

static void *answer_all(void *arg) {
    for (int fd; (fd = accept(world.listener, NULL, NULL)) >= 0; (void)close(fd)) {
        ASSERT(pthread_mutex_lock(&world.lock) == 0);
        if (read_request(fd))
            send_answer(fd);
        ASSERT(pthread_mutex_unlock(&world.lock) == 0);
    }
    return NULL;
}

static void set_answer(const uint8_t *data, size_t size) {
    ASSERT(pthread_mutex_lock(&world.lock) == 0);
    world.answer = data;
    world.len = size;
    ASSERT(pthread_mutex_unlock(&world.lock) == 0);
}

static void end_world(void) {
    char path[sizeof(world.dir) + 16];
    (void)snprintf(path, sizeof(path), "%s/control", world.dir);
    if (unlink(path) != 0 || rmdir(world.dir) != 0)
        perror(world.dir);
}

static void begin_world(void) {
    char error[FILES_ERROR_MAX];
    pthread_t thread;
    (void)snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/answers_fuzz.XXXXXX");
    ASSERT(mkdtemp(world.dir) != NULL);
    int dir = open(world.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    world.listener = control_socket_open(dir, error);
    ASSERT(world.listener >= 0 && fcntl(world.listener, F_SETFL, 0) == 0); // accept() waits
    ASSERT(pthread_create(&thread, NULL, answer_all, NULL) == 0);
    (void)pthread_detach(thread);
    (void)close(dir);
    // What is for a terminal alone, as the colours of a QR code, is not looked at here.
    ASSERT(isatty(STDOUT_FILENO) != 1 || freopen("/dev/null", "we", stdout) != NULL);
    (void)atexit(end_world);
}

// ---- the operator ----

static int run(size_t line) {
    char name[16], where[sizeof(world.dir) + 8];
    char *argv[WORDS_MAX + 3] = {name, where};
    int argc = 2;
    (void)snprintf(name, sizeof(name), "%s", lines[line].command->name);
    (void)snprintf(where, sizeof(where), "--dir=%s", world.dir);
    for (size_t i = 0; i < WORDS_MAX && lines[line].words[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)lines[line].words[i];
    optind = 0; // glibc's getopt(3) begins anew
    return lines[line].command->run(argc, argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (world.dir[0] == '\0')
        begin_world();
    if (size == 0)
        return 0;
    size_t line = data[0] % ARRAY_LEN(lines);
    set_answer(data + 1, size - 1);
    char *out = NULL, *errors = NULL;
    size_t out_len = 0, errors_len = 0;
    FILE *terminal = stdout, *terminal_errors = stderr; // the sentence of a panic is lost; its stack is not
    stdout = open_memstream(&out, &out_len);
    stderr = open_memstream(&errors, &errors_len);
    ASSERT(stdout != NULL && stderr != NULL);
    int status = run(line);
    (void)fclose(stdout);
    (void)fclose(stderr);
    stdout = terminal;
    stderr = terminal_errors;
    set_answer(NULL, 0);
    ASSERT(out_len == strlen(out) && errors_len == strlen(errors));
    ASSERT(printable_is(out) && printable_is(errors));
    ASSERT(status == 0 || errors_len > 0 || lines[line].command == &status_command);
    free(out);
    free(errors);
    return 0;
}
