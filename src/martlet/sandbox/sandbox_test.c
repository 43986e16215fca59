// SPDX-License-Identifier: MIT
// What an intruder would try, from within the sandbox. Each attempt runs in a process of its own.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/slice.h"
#include "config/config.h"
#include "martlet/sandbox/landlock.h"
#include "martlet/sandbox/sandbox.h"
#include "martlet/sandbox/seccomp.h"

static char state_dir[] = "/tmp/martlet-sandbox-XXXXXX";
static char readable_dir[] = "/tmp/martlet-sandbox-pages-XXXXXX";
static char named_file[] = "/tmp/martlet-sandbox-named-XXXXXX";

enum { HARMLESS = 0, SKIPPED = 200 };
enum { OPEN_PORT = 4 }; // nobody has it

// ---- attempts: 0 when it worked, else errno ----

static int result(bool worked) {
    return worked ? 0 : errno;
}

static int own_file(void) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/own", state_dir);
    return result(open(path, O_RDWR | O_CREAT, 0600) >= 0);
}
static int foreign_file(void) {
    return result(open("/etc/passwd", O_RDONLY) >= 0);
}
static int file_beside(void) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/../martlet-sandbox-escape", state_dir);
    return result(open(path, O_RDWR | O_CREAT, 0600) >= 0);
}
static int in_readable_dir(const char *name, int flags) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/%s", readable_dir, name);
    return result(open(path, flags, 0600) >= 0);
}
static int readable_file(void) {
    return in_readable_dir("page", O_RDONLY);
}
static int list_readable_dir(void) {
    return in_readable_dir("", O_RDONLY | O_DIRECTORY);
}
static int write_readable_file(void) {
    return in_readable_dir("page", O_WRONLY);
}
static int new_readable_file(void) {
    return in_readable_dir("new", O_WRONLY | O_CREAT);
}
static int file_beside_readable_dir(void) {
    return in_readable_dir("../../etc/passwd", O_RDONLY);
}
static int link_out_of_readable_dir(void) {
    return in_readable_dir("link", O_RDONLY);
}
static int new_socket(int family, int type, int protocol) {
    return result(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol) >= 0);
}
static int tcp_socket(void) {
    return new_socket(AF_INET, SOCK_STREAM, 0) | new_socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
}
static int udp_socket(void) {
    return new_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) | new_socket(AF_INET6, SOCK_DGRAM, 0);
}
static int raw_socket(void) {
    return new_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static int ping_socket(void) {
    return new_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}
static int sctp_socket(void) {
    return new_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
}
static int unix_socket(void) {
    return new_socket(AF_UNIX, SOCK_STREAM, 0);
}
static int netlink_socket(void) {
    return new_socket(AF_NETLINK, SOCK_RAW, 0);
}
static int packet_socket(void) {
    return new_socket(AF_PACKET, SOCK_RAW, 0);
}
static int inner_pair(void) {
    int fds[2];
    return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}
static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
static int bind_to(int type, uint16_t port) {
    struct sockaddr_in a = loopback(port);
    return result(bind(socket(AF_INET, type, 0), (const struct sockaddr *)&a, sizeof(a)) == 0);
}
static int bind_udp(void) {
    return bind_to(SOCK_DGRAM, 0);
}
static int bind_tcp(void) {
    return bind_to(SOCK_STREAM, 0);
}
static int bind_allowed_port(void) {
    return bind_to(SOCK_STREAM, OPEN_PORT);
}
static int listen_to(void) {
    return result(listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0);
}
// That nobody listens is no matter of the sandbox.
static int connect_to(int type, uint16_t port) {
    struct sockaddr_in a = loopback(port);
    int error = result(connect(socket(AF_INET, type, 0), (const struct sockaddr *)&a, sizeof(a)) == 0);
    return error == ECONNREFUSED ? HARMLESS : error;
}
static int connect_open_port(void) {
    return connect_to(SOCK_STREAM, OPEN_PORT);
}
static int connect_other_port(void) {
    return connect_to(SOCK_STREAM, OPEN_PORT + 1);
}
static int connect_udp(void) {
    return connect_to(SOCK_DGRAM, OPEN_PORT + 1);
}
static int read_named_file(void) {
    return result(open(named_file, O_RDONLY) >= 0);
}
static int write_named_file(void) {
    return result(open(named_file, O_WRONLY) >= 0);
}
// TCP Fast Open: a connection without connect(), which Landlock does not see.
static int sendto_connects(void) {
    struct sockaddr_in a = loopback(OPEN_PORT + 1);
    return result(sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                         (const struct sockaddr *)&a, sizeof(a)) == 1);
}
static int sendmsg_connects(void) {
    struct sockaddr_in a = loopback(OPEN_PORT + 1);
    char octet = 0;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &part, .msg_iovlen = 1};
    return result(sendmsg(socket(AF_INET, SOCK_STREAM, 0), &m, MSG_FASTOPEN | MSG_NOSIGNAL) == 1);
}
static int sendmmsg_to(int type, int flags) {
    struct sockaddr_in a = loopback(OPEN_PORT + 1);
    char octet = 0;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    struct mmsghdr m = {
        .msg_hdr = {.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &part, .msg_iovlen = 1, .msg_flags = flags}};
    return result(sendmmsg(socket(AF_INET, type, 0), &m, 1, flags | MSG_NOSIGNAL) == 1);
}
static int sendmmsg_connects(void) {
    return sendmmsg_to(SOCK_STREAM, MSG_FASTOPEN);
}
static int send_udp_batch(void) {
    return sendmmsg_to(SOCK_DGRAM, 0);
}
static int receive_udp_batch(void) {
    char octet;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    int error = result(recvmmsg(socket(AF_INET, SOCK_DGRAM, 0), &m, 1, MSG_DONTWAIT, NULL) == 1);
    return error == EAGAIN ? HARMLESS : error;
}
static int send_udp(void) {
    struct sockaddr_in a = loopback(OPEN_PORT + 1);
    return result(
        sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, MSG_NOSIGNAL, (const struct sockaddr *)&a, sizeof(a)) == 1);
}
static int new_process(void) {
    return result(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0);
}
static int new_program(void) {
    char *argv[] = {NULL}, *env[] = {NULL};
    return result(execve("/bin/true", argv, env) == 0);
}
static int other_user(void) {
    return result(syscall(SYS_setresuid, 0, 0, 0) == 0);
}
static int trace_parent(void) {
    return result(syscall(SYS_ptrace, 16, getppid(), 0, 0) == 0); // PTRACE_ATTACH
}
static int signal_parent(void) {
    return result(syscall(SYS_tgkill, getppid(), getppid(), SIGURG) == 0);
}
static int kill_parent(void) {
    return result(syscall(SYS_kill, getppid(), SIGURG) == 0);
}
static int signal_self(void) {
    return result(syscall(SYS_tgkill, getpid(), getpid(), SIGURG) == 0);
}
static int executable_memory(void) {
    return result(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}
static int make_dumpable(void) {
    return result(prctl(PR_SET_DUMPABLE, 1) == 0);
}

// ---- running one ----

static int in_landlock_since(int abi_needed, int (*attempt)(void)) {
    static const uint16_t ports[] = {OPEN_PORT};
    const char *const readable[] = {readable_dir, "", named_file, "/nonexistent"};
    const struct landlock_rules rules = {state_dir, readable, ARRAY_LEN(readable), ports, ARRAY_LEN(ports), false};
    int abi;
    if (!landlock_restrict(&rules, &abi))
        return SKIPPED + 1;
    return abi < abi_needed ? SKIPPED : attempt();
}

static int in_landlock(int (*attempt)(void)) {
    return in_landlock_since(1, attempt);
}

static int in_landlock_tcp(int (*attempt)(void)) {
    return in_landlock_since(LANDLOCK_ABI_TCP, attempt);
}

static int in_seccomp(int (*attempt)(void)) {
    bool on;
    if (!seccomp_restrict(&on))
        return SKIPPED + 1;
    return on ? attempt() : SKIPPED;
}

// The exit status, or minus the signal.
static int run(int (*within)(int (*)(void)), int (*attempt)(void)) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void)syscall(SYS_exit_group, within(attempt));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct row {
    const char *name;
    int (*within)(int (*)(void));
    int (*attempt)(void);
    int want;
};

static void test_attempts(void **state) {
    static const struct row rows[] = {
        {"own file", in_landlock, own_file, HARMLESS},
        {"foreign file", in_landlock, foreign_file, EACCES},
        {"file beside", in_landlock, file_beside, EACCES},
        {"page", in_landlock, readable_file, HARMLESS},
        {"list of pages", in_landlock, list_readable_dir, HARMLESS},
        {"write to a page", in_landlock, write_readable_file, EACCES},
        {"new page", in_landlock, new_readable_file, EACCES},
        {"file beside the pages", in_landlock, file_beside_readable_dir, EACCES},
        {"link that leaves the pages", in_landlock, link_out_of_readable_dir, EACCES},
        {"own file, filtered", in_seccomp, own_file, HARMLESS},
        {"named file", in_landlock, read_named_file, HARMLESS},
        {"write to a named file", in_landlock, write_named_file, EACCES},
        {"connect to an open port", in_landlock_tcp, connect_open_port, HARMLESS},
        {"connect to another port", in_landlock_tcp, connect_other_port, EACCES},
        {"bind TCP", in_landlock_tcp, bind_tcp, EACCES},
        {"bind TCP to an open port", in_landlock_tcp, bind_allowed_port, EACCES},
        {"bind UDP", in_landlock_tcp, bind_udp, HARMLESS},
        {"connect UDP", in_landlock_tcp, connect_udp, HARMLESS},
        {"TCP socket", in_seccomp, tcp_socket, HARMLESS},
        {"UDP socket", in_seccomp, udp_socket, HARMLESS},
        {"connect, filtered", in_seccomp, connect_open_port, HARMLESS},
        {"connect while sending", in_seccomp, sendto_connects, EOPNOTSUPP},
        {"connect while sending a message", in_seccomp, sendmsg_connects, EOPNOTSUPP},
        {"connect while sending a batch", in_seccomp, sendmmsg_connects, EOPNOTSUPP},
        {"send UDP", in_seccomp, send_udp, HARMLESS},
        {"send a batch by UDP", in_seccomp, send_udp_batch, HARMLESS},
        {"receive a batch by UDP", in_seccomp, receive_udp_batch, HARMLESS},
        {"bind UDP, filtered", in_seccomp, bind_udp, HARMLESS},
        {"inner pair", in_seccomp, inner_pair, HARMLESS},
        {"raw socket", in_seccomp, raw_socket, ENOSYS},
        {"ping socket", in_seccomp, ping_socket, ENOSYS},
        {"SCTP socket", in_seccomp, sctp_socket, ENOSYS},
        {"UNIX socket", in_seccomp, unix_socket, ENOSYS},
        {"netlink socket", in_seccomp, netlink_socket, ENOSYS},
        {"packet socket", in_seccomp, packet_socket, ENOSYS},
        {"listen", in_seccomp, listen_to, ENOSYS},
        {"new process", in_seccomp, new_process, ENOSYS},
        {"new program", in_seccomp, new_program, -SIGSYS},
        {"other user", in_seccomp, other_user, -SIGSYS},
        {"trace the parent", in_seccomp, trace_parent, -SIGSYS},
        {"signal the parent", in_seccomp, signal_parent, ENOSYS},
        {"kill the parent", in_seccomp, kill_parent, ENOSYS},
        {"signal oneself", in_seccomp, signal_self, HARMLESS},
        {"executable memory", in_seccomp, executable_memory, ENOSYS},
        {"dumpable again", in_seccomp, make_dumpable, ENOSYS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = run(rows[i].within, rows[i].attempt);
        if (got == SKIPPED)
            print_message("# %s: this kernel cannot restrict it\n", rows[i].name);
        else if (got != rows[i].want)
            fail_msg("%s: got %d want %d", rows[i].name, got, rows[i].want);
    }
}

static void test_push_gateway(void **state) {
    static const struct {
        const char *entered, *next;
        bool want;
    } rows[] = {
        {"https://push.example/notify", "https://other.example/", true},
        {"https://push.example:8443/notify", "https://other.example:8443/", true},
        {"https://push.example:8443/notify", "", true},
        {"https://push.example:8443/notify", "https://push.example/notify", true}, // as other relays' port 443
        {"", "https://push.example/notify", true},
        {"", "https://push.example:8443/notify", false},
        {"https://push.example/notify", "https://push.example:8443/notify", false},
        {"https://push.example/notify", "http://push.example/notify", false},
        {"https://push.example/notify", "http://push.example:53/notify", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c[2];
        for (int j = 0; j < 2; j++) {
            char set[128];
            (void)snprintf(set, sizeof(set), "push_gateway=%s", j == 0 ? rows[i].entered : rows[i].next);
            const char *overrides[] = {"mail_domain=a.org", set, NULL};
            c[j] = config_parse(SLICE("[params]\n"), "test.ini", overrides, NULL, NULL);
            assert_non_null(c[j]);
        }
        if (sandbox_lets_push(c[0], c[1]) != rows[i].want)
            fail_msg("%s, then %s: want %d", rows[i].entered, rows[i].next, rows[i].want);
        config_free(c[0]);
        config_free(c[1]);
    }
}

static int make_dirs(void **state) {
    if (mkdtemp(state_dir) == NULL || mkdtemp(readable_dir) == NULL)
        return -1;
    int named = mkstemp(named_file);
    if (named < 0 || close(named) != 0)
        return -1;
    char page[64], link[64];
    (void)snprintf(page, sizeof(page), "%s/page", readable_dir);
    (void)snprintf(link, sizeof(link), "%s/link", readable_dir);
    int fd = open(page, O_WRONLY | O_CREAT, 0600);
    return fd >= 0 && close(fd) == 0 ? symlink("/etc/passwd", link) : -1;
}

static void remove_file(const char *dir, const char *name) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)unlink(path);
}

static int remove_dirs(void **state) {
    remove_file(state_dir, "own");
    remove_file(readable_dir, "page");
    remove_file(readable_dir, "link");
    return unlink(named_file) | rmdir(state_dir) | rmdir(readable_dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attempts), cmocka_unit_test(test_push_gateway)};
    return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
