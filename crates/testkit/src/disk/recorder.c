/* Loaded before a program (LD_PRELOAD): writes down, in order, what the program does to files below one folder, and can
 * make the disk full or read-only. `recorder.rs` builds and drives it, `log.rs` reads what it writes.
 *
 *   SENSORIUM_DISK_ROOT     the folder
 *   SENSORIUM_DISK_LOG      where records go
 *   SENSORIUM_DISK_CONTROL  two numbers of 64 bits: bytes that may still be written (-1: no bound), and the error that
 *                           comes after (ENOSPC: files cannot grow, though empty ones can be made, as on ext4; EROFS: nothing can be changed)
 *
 * A record is: u32 length of what follows, u8 kind, u64 a, u64 b, bytes. The place of a record in the log is its time. A
 * change and its record are made under one lock, so records are in the order of the changes. A sync says in `b` how
 * long the log was when it began: what was written later may have missed it. The folder itself has the inode 0 there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char root[PATH_MAX];
static size_t root_length;
static dev_t root_device;
static ino_t root_inode;
static volatile int64_t *control;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("SENSORIUM_DISK_ROOT");
    const char *log = getenv("SENSORIUM_DISK_LOG");
    const char *faults = getenv("SENSORIUM_DISK_CONTROL");
    struct stat status;
    if (!folder || !log || !faults || stat(folder, &status)) return;
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    root_device = status.st_dev;
    root_inode = status.st_ino;
    int fd = syscall(SYS_openat, AT_FDCWD, faults, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *mapped = (void *)syscall(SYS_mmap, NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED) return;
    control = mapped;
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_below(const char *path) {
    return log_fd >= 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The whole path, in a buffer of PATH_MAX; 0 if it is not below the folder. */
static int whole(int folder, const char *path, char *out) {
    if (log_fd < 0 || !path) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return is_below(out);
    }
    char link[64], base[PATH_MAX];
    ssize_t length;
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    size_t used = strlen(base);
    if (used + strlen(path) + 2 > PATH_MAX) return 0;
    memcpy(out, base, used);
    out[used] = '/';
    strcpy(out + used + 1, path);
    return is_below(out);
}

static int is_fd_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static void record(char kind, uint64_t a, uint64_t b, const void *bytes, size_t length) {
    unsigned char head[21];
    uint32_t rest = 17 + length;
    memcpy(head, &rest, 4);
    head[4] = kind;
    memcpy(head + 5, &a, 8);
    memcpy(head + 13, &b, 8);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
    int before = errno;
    /* A log that cannot be written would make the test pass for the wrong reason. */
    if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof head + length)) abort();
    errno = before;
}

static void record_path(char kind, uint64_t a, uint64_t b, const char *path) {
    record(kind, a, b, path + root_length, strlen(path + root_length));
}

static void record_paths(char kind, uint64_t b, const char *from, const char *to) {
    char both[2 * PATH_MAX];
    size_t first = strlen(from + root_length) + 1, second = strlen(to + root_length);
    memcpy(both, from + root_length, first);
    memcpy(both + first, to + root_length, second);
    record(kind, 0, b, both, first + second);
}

static void record_unknown(const char *what) { record('X', 0, 0, what, strlen(what)); }

/* The inode of a regular file or a folder of this device; 0 for anything else. */
static uint64_t inode_of(int fd, mode_t *mode) {
    struct stat status;
    int before = errno;
    uint64_t inode = 0;
    if (log_fd >= 0 && !fstat(fd, &status) && status.st_dev == root_device) {
        *mode = status.st_mode;
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) inode = status.st_ino;
    }
    errno = before;
    return inode;
}

static int is_read_only(void) { return log_fd >= 0 && control[0] == 0 && control[1] == EROFS; }
static int is_full(void) { return log_fd >= 0 && control[0] == 0; }

/* How much of a write may happen; -1 with errno set if nothing may. */
static ssize_t room_for(int fd, size_t wanted) {
    if (log_fd < 0 || control[0] < 0 || !is_fd_below(fd)) return wanted;
    if (control[0] == 0 && wanted) {
        errno = control[1];
        return -1;
    }
    size_t given = wanted < (size_t)control[0] ? wanted : (size_t)control[0];
    control[0] -= given;
    return given;
}

static int refuse(void) {
    errno = control[1];
    return -1;
}

static int open_file(int folder, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    if (!whole(folder, path, full)) return syscall(SYS_openat, folder, path, flags, mode);
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    int temporary = (flags & O_TMPFILE) == O_TMPFILE;
    pthread_mutex_lock(&lock);
    struct stat status;
    int was_there = !lstat(full, &status);
    if (writes && is_read_only()) {
        int failed = refuse();
        pthread_mutex_unlock(&lock);
        return failed;
    }
    int fd = syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && writes && !fstat(fd, &status)) {
        if (temporary) record_unknown("a file without a name");
        else if (!was_there) record_path('O', status.st_ino, 0, full);
        else if (flags & O_TRUNC) record('T', status.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* A write at the file's own place (`at` < 0) or at another. */
static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at) {
    mode_t mode;
    uint64_t inode = fd == log_fd ? 0 : inode_of(fd, &mode);
    if (log_fd >= 0 && fd == STDOUT_FILENO) {
        pthread_mutex_lock(&lock);
        record('A', 0, 0, bytes, length);
        pthread_mutex_unlock(&lock);
    } else if (inode && S_ISREG(mode)) {
        pthread_mutex_lock(&lock);
        ssize_t may = room_for(fd, length), done = may;
        if (may >= 0)
            done = at < 0 ? syscall(SYS_write, fd, bytes, may) : syscall(SYS_pwrite64, fd, bytes, may, at);
        if (done > 0)
            record('W', inode, at < 0 ? lseek(fd, 0, SEEK_CUR) - done : at, bytes, done);
        pthread_mutex_unlock(&lock);
        return done;
    }
    return at < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_at(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at); }

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at) {
    ssize_t all = 0;
    for (int part = 0; part < count; part++) {
        ssize_t done = write_at(fd, parts[part].iov_base, parts[part].iov_len, at < 0 ? -1 : at + all);
        if (done < 0) return all ? all : -1;
        all += done;
        if ((size_t)done < parts[part].iov_len) break;
    }
    return all;
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }

static int cut(int fd, off_t length) {
    mode_t mode;
    uint64_t inode = inode_of(fd, &mode);
    if (inode && is_read_only() && is_fd_below(fd)) return refuse();
    pthread_mutex_lock(&lock);
    int failed = syscall(SYS_ftruncate, fd, length);
    if (!failed && inode) record('T', inode, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off_t length) { return cut(fd, length); }

static int allocate(int fd, int how, off_t at, off_t length) {
    mode_t mode;
    uint64_t inode = inode_of(fd, &mode);
    if (inode && is_full() && is_fd_below(fd)) return refuse();
    int failed = syscall(SYS_fallocate, fd, how, at, length);
    /* Room that is set aside changes nothing that is read. */
    if (!failed && inode && !(how & FALLOC_FL_KEEP_SIZE) && is_fd_below(fd)) record_unknown("fallocate");
    return failed;
}

int fallocate(int fd, int how, off_t at, off_t length) { return allocate(fd, how, at, length); }
int fallocate64(int fd, int how, off_t at, off_t length) { return allocate(fd, how, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return allocate(fd, 0, at, length) ? errno : 0; }
int posix_fallocate64(int fd, off_t at, off_t length) { return allocate(fd, 0, at, length) ? errno : 0; }

static int sync_file(long call, int fd) {
    mode_t mode;
    uint64_t inode = inode_of(fd, &mode);
    if (inode && is_read_only() && is_fd_below(fd)) return refuse();
    pthread_mutex_lock(&lock);
    uint64_t begun = inode ? syscall(SYS_lseek, log_fd, 0, SEEK_END) : 0;
    pthread_mutex_unlock(&lock);
    int failed = syscall(call, fd);
    if (!failed && inode) {
        pthread_mutex_lock(&lock);
        record('S', inode == root_inode ? 0 : inode, begun, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return failed;
}

int fsync(int fd) { return sync_file(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_file(SYS_fdatasync, fd); }

static int rename_file(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int left = whole(from_folder, from, old), joined = whole(to_folder, to, new);
    if (!left && !joined) return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (is_read_only()) return refuse();
    pthread_mutex_lock(&lock);
    int failed = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (!failed) {
        if (!left || !joined || flags) record_unknown("a rename in or out, or an exchange");
        else record_paths('R', 0, old, new);
    }
    pthread_mutex_unlock(&lock);
    return failed;
}

int rename(const char *from, const char *to) { return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return rename_file(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return rename_file(a, from, b, to, flags); }

int linkat(int a, const char *from, int b, const char *to, int flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int joined = whole(b, to, new), known = whole(a, from, old);
    if (!joined) return syscall(SYS_linkat, a, from, b, to, flags);
    if (is_full()) return refuse();
    pthread_mutex_lock(&lock);
    int failed = syscall(SYS_linkat, a, from, b, to, flags);
    if (!failed && known) record_paths('L', 0, old, new);
    if (!failed && !known) record_unknown("a link from outside");
    pthread_mutex_unlock(&lock);
    return failed;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *path, int flags) {
    char full[PATH_MAX];
    if (!whole(folder, path, full)) return syscall(SYS_unlinkat, folder, path, flags);
    if (is_read_only()) return refuse();
    pthread_mutex_lock(&lock);
    int failed = syscall(SYS_unlinkat, folder, path, flags);
    if (!failed) record_path('U', 0, 0, full);
    pthread_mutex_unlock(&lock);
    return failed;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char full[PATH_MAX];
    if (!whole(folder, path, full)) return syscall(SYS_mkdirat, folder, path, mode);
    struct stat status;
    if (is_full() && lstat(full, &status)) return refuse();
    pthread_mutex_lock(&lock);
    int failed = syscall(SYS_mkdirat, folder, path, mode);
    if (!failed && !lstat(full, &status)) record_path('D', status.st_ino, 0, full);
    pthread_mutex_unlock(&lock);
    return failed;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

static void *map(void *at, size_t length, int protection, int flags, int fd, off_t from) {
    /* Bytes written through a mapping would be seen by nobody. */
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && log_fd >= 0 && is_fd_below(fd))
        record_unknown("a mapping that can be written");
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, from);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t from) { return map(at, length, protection, flags, fd, from); }
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t from) { return map(at, length, protection, flags, fd, from); }

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    if (log_fd >= 0 && is_fd_below(out)) {
        /* As on file systems that cannot: the caller reads and writes. */
        errno = EXDEV;
        return -1;
    }
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}
