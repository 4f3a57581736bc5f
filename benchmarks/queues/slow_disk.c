/* A disk whose sync takes SLOW_DISK_MICROSECONDS: loaded before the C library, it puts a sleep in the place of a sync. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int slow_sync(void) {
    static long microseconds = -1;
    if (microseconds < 0) {
        const char *text = getenv("SLOW_DISK_MICROSECONDS");
        microseconds = text ? atol(text) : 0;
    }
    struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
    return 0;
}

int fsync(int file) { (void)file; return slow_sync(); }
int fdatasync(int file) { (void)file; return slow_sync(); }
