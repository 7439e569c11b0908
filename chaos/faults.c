/* Makes writes fail on demand, for scenarios: LD_PRELOAD this, and let CHAOS_FAULTS name a file of four int64:
   how many writes still succeed, how many then fail (0: none), with which errno, how many failed so far.
   Only files below CHAOS_FAULTS_IN are concerned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile int64_t *plan;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CHAOS_FAULTS");
  int fd = path ? open(path, O_RDWR) : -1;
  if (fd < 0) return;
  void *found = mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (found != MAP_FAILED) plan = found;
}

static int fails(int fd) {
  char link[64], target[4096];
  const char *folder = getenv("CHAOS_FAULTS_IN");
  if (!plan || plan[1] <= 0 || !folder) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) return 0;
  target[length] = 0;
  if (strncmp(target, folder, strlen(folder))) return 0;
  if (plan[0] > 0) return plan[0]--, 0;
  plan[1]--, plan[3]++;
  errno = (int)plan[2];
  return 1;
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

ssize_t write(int fd, const void *data, size_t size) { return fails(fd) ? -1 : REAL(write, fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return fails(fd) ? -1 : REAL(pwrite, fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return fails(fd) ? -1 : REAL(pwrite64, fd, data, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return fails(fd) ? -1 : REAL(writev, fd, parts, count); }
int ftruncate(int fd, off_t size) { return fails(fd) ? -1 : REAL(ftruncate, fd, size); }
int ftruncate64(int fd, off64_t size) { return fails(fd) ? -1 : REAL(ftruncate64, fd, size); }
int fsync(int fd) { return fails(fd) ? -1 : REAL(fsync, fd); }
int fdatasync(int fd) { return fails(fd) ? -1 : REAL(fdatasync, fd); }
