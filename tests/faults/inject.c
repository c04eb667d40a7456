/* Preloaded into a process: lets the n-th system call about a file in a folder fail.

   FAULT_FOLDER  the folder; whatever is outside it is left alone
   FAULT_NAME    what the file's path contains; unset: any file
   FAULT_CALL    which system call, such as fsync; unset: any
   FAULT_AT      which call fails, from 1; 0: none
   FAULT_ERRNO   with which error
   FAULT_FOREVER whether all later calls fail, too
   FAULT_COUNT   a file outside the folder to which the number of calls is written in the end */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *folder, *name_part, *only_call;
static long fails_at;
static int error_number, forever;
static atomic_long calls;

__attribute__((constructor)) static void begin(void) {
    folder = getenv("FAULT_FOLDER");
    name_part = getenv("FAULT_NAME");
    only_call = getenv("FAULT_CALL");
    fails_at = atol(getenv("FAULT_AT") ? getenv("FAULT_AT") : "0");
    error_number = atoi(getenv("FAULT_ERRNO") ? getenv("FAULT_ERRNO") : "5");
    forever = getenv("FAULT_FOREVER") != NULL;
}

__attribute__((destructor)) static void end(void) {
    const char *name = getenv("FAULT_COUNT");
    char text[32];
    if (!name) return;
    int fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (syscall(SYS_write, fd, text, snprintf(text, sizeof text, "%ld", calls)) < 0) return;
    syscall(SYS_close, fd);
}

static int counts(void) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (fails_at && (number == fails_at || (forever && number > fails_at))) {
        errno = error_number;
        return 1;
    }
    return 0;
}

static int fails_path(const char *call, const char *path) {
    if (!folder || !path || strncmp(path, folder, strlen(folder))) return 0;
    if (name_part && !strstr(path, name_part)) return 0;
    return (!only_call || !strcmp(call, only_call)) && counts();
}

static int fails_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    if (!folder || fd < 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return fails_path(call, path);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...) {                \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        int mode = va_arg(rest, int);                           \
        va_end(rest);                                           \
        REAL(name);                                             \
        return fails_path(#name, path) ? -1 : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int at, const char *path, int flags, ...) {                \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        int mode = va_arg(rest, int);                                   \
        va_end(rest);                                                   \
        REAL(name);                                                     \
        return fails_path(#name, path) ? -1 : real(at, path, flags, mode);     \
    }
OPENAT(openat)
OPENAT(openat64)

#define BY_FD(type, name, parameters, ...)              \
    type name parameters {                              \
        REAL(name);                                     \
        return fails_fd(#name, fd) ? -1 : real(__VA_ARGS__);   \
    }
BY_FD(ssize_t, read, (int fd, void *to, size_t size), fd, to, size)
BY_FD(ssize_t, write, (int fd, const void *from, size_t size), fd, from, size)
BY_FD(ssize_t, pread64, (int fd, void *to, size_t size, off64_t at), fd, to, size, at)
BY_FD(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at), fd, from, size, at)
BY_FD(int, fsync, (int fd), fd)
BY_FD(int, fdatasync, (int fd), fd)
BY_FD(int, ftruncate64, (int fd, off64_t size), fd, size)
BY_FD(int, flock, (int fd, int operation), fd, operation)
BY_FD(int, fchmod, (int fd, mode_t mode), fd, mode)
BY_FD(int, fstat64, (int fd, struct stat64 *to), fd, to)
BY_FD(off64_t, lseek64, (int fd, off64_t at, int from), fd, at, from)
BY_FD(ssize_t, sendfile64, (int to, int fd, off64_t *at, size_t size), to, fd, at, size)

int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    REAL(fcntl64);
    return fails_fd("fcntl64", fd) ? -1 : real(fd, command, argument);
}

/* A close that fails has closed the file all the same. */
int close(int fd) {
    REAL(close);
    int fails = fails_fd("close", fd), result = real(fd);
    if (fails) errno = error_number;
    return fails ? -1 : result;
}

#define BY_PATH(name, parameters, ...)                          \
    int name parameters {                                       \
        REAL(name);                                             \
        return fails_path(#name, path) ? -1 : real(__VA_ARGS__);       \
    }
BY_PATH(mkdir, (const char *path, mode_t mode), path, mode)
BY_PATH(unlink, (const char *path), path)
BY_PATH(rename, (const char *path, const char *to), path, to)
BY_PATH(chmod, (const char *path, mode_t mode), path, mode)
BY_PATH(access, (const char *path, int mode), path, mode)
BY_PATH(stat64, (const char *path, struct stat64 *to), path, to)
BY_PATH(lstat64, (const char *path, struct stat64 *to), path, to)
BY_PATH(link, (const char *path, const char *to), path, to)
BY_PATH(rmdir, (const char *path), path)
BY_PATH(statvfs64, (const char *path, struct statvfs64 *to), path, to)

DIR *opendir(const char *path) {
    REAL(opendir);
    return fails_path("opendir", path) ? NULL : real(path);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t from) {
    REAL(mmap64);
    return fails_fd("mmap64", fd) ? MAP_FAILED : real(at, size, protection, flags, fd, from);
}
