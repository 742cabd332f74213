/* Faults in calls on files below one folder, for tests: LD_PRELOAD this into a real gateway.
 *
 * A control file, mapped shared by every process that carries the library, names the folder and
 * holds a few rules. A test changes them while the gateway runs, and reads how often each call was
 * made. tests/faults/shim.py writes the same layout; the two meet in `struct control`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x7368696d77786731ull
#define RULES 4
#define FDS 65536

enum call { WRITE, SYNC, RENAME, UNLINK, TRUNCATE, OPEN, READ_OPEN, MKDIR, ALLOCATE, CALLS };
enum action { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL, SHORT, DELAY, SKIP };

/* Acts on the calls of `mask` whose path contains `part`, from the `first`-th (1, 2, …) on, `times`
 * times. Kills send SIGKILL to the whole process group, or with `alone` to the process. */
struct rule {
    uint32_t armed;
    uint32_t mask;
    uint32_t action;
    int32_t error;
    uint64_t first;
    uint64_t times;
    uint64_t amount; /* bytes of a short write, microseconds of a delay */
    uint32_t alone;
    uint32_t fired;
    _Atomic uint64_t matched;
    char part[64];
};

struct control {
    uint64_t magic;
    char folder[512];
    _Atomic uint64_t calls[16];
    struct rule rules[RULES];
};

static struct control *control;
static char *names[FDS];

#define NEXT(name) ((__typeof__(&name))next(#name))

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("WXGATE_SHIM");
    if (path == NULL)
        return;
    int fd = NEXT(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEXT(close)(fd);
    if (at != MAP_FAILED && ((struct control *)at)->magic == MAGIC)
        control = at;
}

static const char *name_of(int fd) {
    return fd >= 0 && fd < FDS ? names[fd] : NULL;
}

/* The path if it lies in the folder, made absolute into `room`; else NULL. */
static const char *inside(int dir, const char *path, char *room) {
    if (control == NULL || path == NULL)
        return NULL;
    if (path[0] != '/') {
        char base[PATH_MAX / 2];
        if (dir != AT_FDCWD) {
            const char *known = name_of(dir);
            if (known == NULL)
                return NULL;
            snprintf(base, sizeof base, "%s", known);
        } else if (getcwd(base, sizeof base) == NULL) {
            return NULL;
        }
        snprintf(room, PATH_MAX, "%s/%s", base, path);
        path = room;
    }
    size_t length = strlen(control->folder);
    if (strncmp(path, control->folder, length) != 0)
        return NULL;
    return path[length] == '/' || path[length] == '\0' ? path : NULL;
}

static void die(const struct rule *rule) {
    kill(rule->alone ? getpid() : 0, SIGKILL);
    for (;;)
        pause();
}

static void wait_for(uint64_t microseconds) {
    struct timespec left = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* The first rule that wants this call, if any. */
static struct rule *wanting(enum call call, const char *path) {
    if (control == NULL || path == NULL)
        return NULL;
    atomic_fetch_add(&control->calls[call], 1);
    for (int at = 0; at < RULES; at++) {
        struct rule *rule = &control->rules[at];
        if (!rule->armed || !(rule->mask & (1u << call)) || strstr(path, rule->part) == NULL)
            continue;
        uint64_t nth = atomic_fetch_add(&rule->matched, 1) + 1;
        if (nth < rule->first || nth - rule->first >= rule->times)
            continue;
        rule->fired++;
        return rule;
    }
    return NULL;
}

/* Whether the call is not to be made; *result is then its result. */
static int before(struct rule *rule, long *result) {
    if (rule == NULL)
        return 0;
    switch (rule->action) {
    case KILL_BEFORE:
        rule->armed = 0;
        die(rule);
        return 0;
    case FAIL:
        errno = rule->error;
        *result = -1;
        return 1;
    case SKIP:
        *result = 0;
        return 1;
    case DELAY:
        wait_for(rule->amount);
        return 0;
    default:
        return 0;
    }
}

static long after(struct rule *rule, long result) {
    if (rule != NULL && rule->action == KILL_AFTER) {
        rule->armed = 0;
        die(rule);
    }
    return result;
}

static size_t shortened(const struct rule *rule, size_t length) {
    return rule != NULL && rule->action == SHORT && rule->amount < length ? rule->amount : length;
}

#define AROUND(call, path, made)                                                                   \
    do {                                                                                           \
        struct rule *rule = wanting(call, path);                                                   \
        long result = 0;                                                                           \
        if (before(rule, &result))                                                                 \
            return (__typeof__(made))result;                                                       \
        return (__typeof__(made))after(rule, (long)(made));                                        \
    } while (0)

/* Files appear and disappear */

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FDS) {
        free(names[fd]);
        names[fd] = path == NULL ? NULL : strdup(path);
    }
    return fd;
}

static int wants_to_write(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

#define OPENING(symbol, dir, path, flags, ...)                                                     \
    do {                                                                                           \
        char room[PATH_MAX];                                                                       \
        const char *name = inside(dir, path, room);                                                \
        mode_t mode = 0;                                                                           \
        if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {                                                     \
            va_list more;                                                                          \
            va_start(more, flags);                                                                 \
            mode = va_arg(more, mode_t);                                                           \
            va_end(more);                                                                          \
        }                                                                                          \
        struct rule *rule = wanting(wants_to_write(flags) ? OPEN : READ_OPEN, name);               \
        long result = 0;                                                                           \
        if (before(rule, &result))                                                                 \
            return (int)result;                                                                    \
        int fd = NEXT(symbol)(__VA_ARGS__, flags, mode);                                           \
        return (int)after(rule, opened(fd, fd < 0 ? NULL : name));                                 \
    } while (0)

int open(const char *path, int flags, ...) {
    OPENING(open, AT_FDCWD, path, flags, path);
}

int open64(const char *path, int flags, ...) {
    OPENING(open64, AT_FDCWD, path, flags, path);
}

int openat(int dir, const char *path, int flags, ...) {
    OPENING(openat, dir, path, flags, dir, path);
}

int openat64(int dir, const char *path, int flags, ...) {
    OPENING(openat64, dir, path, flags, dir, path);
}

int close(int fd) {
    if (name_of(fd) != NULL)
        opened(fd, NULL);
    return NEXT(close)(fd);
}

int rename(const char *from, const char *to) {
    char room[PATH_MAX];
    AROUND(RENAME, inside(AT_FDCWD, to, room), NEXT(rename)(from, to));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    char room[PATH_MAX];
    AROUND(RENAME, inside(to_dir, to, room), NEXT(renameat)(from_dir, from, to_dir, to));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char room[PATH_MAX];
    AROUND(RENAME, inside(to_dir, to, room), NEXT(renameat2)(from_dir, from, to_dir, to, flags));
}

int unlink(const char *path) {
    char room[PATH_MAX];
    AROUND(UNLINK, inside(AT_FDCWD, path, room), NEXT(unlink)(path));
}

int unlinkat(int dir, const char *path, int flags) {
    char room[PATH_MAX];
    AROUND(UNLINK, inside(dir, path, room), NEXT(unlinkat)(dir, path, flags));
}

int mkdir(const char *path, mode_t mode) {
    char room[PATH_MAX];
    AROUND(MKDIR, inside(AT_FDCWD, path, room), NEXT(mkdir)(path, mode));
}

/* What is in them */

ssize_t write(int fd, const void *bytes, size_t length) {
    struct rule *rule = wanting(WRITE, name_of(fd));
    long result = 0;
    if (before(rule, &result))
        return result;
    return after(rule, NEXT(write)(fd, bytes, shortened(rule, length)));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    struct rule *rule = wanting(WRITE, name_of(fd));
    long result = 0;
    if (before(rule, &result))
        return result;
    return after(rule, NEXT(pwrite)(fd, bytes, shortened(rule, length), offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    struct rule *rule = wanting(WRITE, name_of(fd));
    long result = 0;
    if (before(rule, &result))
        return result;
    return after(rule, NEXT(pwrite64)(fd, bytes, shortened(rule, length), offset));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct rule *rule = wanting(WRITE, name_of(fd));
    long result = 0;
    if (before(rule, &result))
        return result;
    if (rule != NULL && rule->action == SHORT && count > 0)
        return after(rule, NEXT(write)(fd, parts->iov_base, shortened(rule, parts->iov_len)));
    return after(rule, NEXT(writev)(fd, parts, count));
}

int fdatasync(int fd) {
    AROUND(SYNC, name_of(fd), NEXT(fdatasync)(fd));
}

int fsync(int fd) {
    AROUND(SYNC, name_of(fd), NEXT(fsync)(fd));
}

int ftruncate(int fd, off_t length) {
    AROUND(TRUNCATE, name_of(fd), NEXT(ftruncate)(fd, length));
}

int ftruncate64(int fd, off64_t length) {
    AROUND(TRUNCATE, name_of(fd), NEXT(ftruncate64)(fd, length));
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    AROUND(ALLOCATE, name_of(fd), NEXT(fallocate)(fd, mode, offset, length));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    AROUND(ALLOCATE, name_of(fd), NEXT(fallocate64)(fd, mode, offset, length));
}
