/* sink.c - see sink.h. */
#include "io/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libavutil/error.h>
#include <libavutil/mem.h>

#define BUFFER_BYTES (256 << 10)

struct hf_sink {
    char        *path, *part; /* part NULL: written directly */
    int          fd, is_mine; /* is_mine: close fd */
    int          code;        /* errno of the first failed write */
    AVIOContext *io;
};

/* Does not raise SIGPIPE: the signal is blocked in this thread and, if the write caused one, eaten. */
static ssize_t write_quietly(int fd, const void *data, size_t size)
{
    sigset_t pipe_only, old, waiting;
    const struct timespec no_time = { 0 };

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&waiting);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t n = write(fd, data, size);
    int code = errno;
    if (n < 0 && code == EPIPE && !sigismember(&waiting, SIGPIPE))
        while (sigtimedwait(&pipe_only, NULL, &no_time) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = code;
    return n;
}

static int write_all(void *opaque, uint8_t *data, int size)
{
    hf_sink *sink = opaque;

    for (int done = 0; done < size;) {
        ssize_t n = write_quietly(sink->fd, data + done, (size_t)(size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!sink->code)
                sink->code = n < 0 ? errno : ENOSPC;
            return AVERROR(sink->code);
        }
        done += (int)n;
    }
    return size;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    hf_sink *sink = opaque;
    struct stat st;

    if (whence == AVSEEK_SIZE)
        return fstat(sink->fd, &st) < 0 ? AVERROR(errno) : st.st_size;
    offset = lseek(sink->fd, offset, whence & ~AVSEEK_FORCE);
    return offset < 0 ? AVERROR(errno) : offset;
}

static int is_special(const char *path)
{
    struct stat st;
    return !stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int hf_sink_can_open(const char *path, hf_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (!strcmp(path, "-"))
        return HF_OK;
    if (!*path || strlen(path) + 6 > PATH_MAX)
        return hf_fail(err, HF_EARG, "output: a path of %zu bytes, want 1..%d", strlen(path), PATH_MAX - 6);
    if (!stat(path, &st) && S_ISDIR(st.st_mode))
        return hf_fail(err, HF_EIO, "%s: is a folder, want a file to write", path);
    if (is_special(path))
        return access(path, W_OK) < 0 ? hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno)) : HF_OK;
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (access(folder, W_OK | X_OK) < 0)
        return hf_fail(err, HF_EIO, "%s: cannot write into the folder %s: %s", path, folder, strerror(errno));
    return HF_OK;
}

static int open_fd(hf_sink *sink, hf_error *err)
{
    if (!strcmp(sink->path, "-")) {
        sink->fd = STDOUT_FILENO;
        return HF_OK;
    }
    if (!is_special(sink->path) && asprintf(&sink->part, "%s.part", sink->path) < 0) {
        sink->part = NULL;
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", sink->path);
    }
    sink->fd = open(sink->part ? sink->part : sink->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (sink->fd < 0) {
        int rc = hf_fail(err, HF_EIO, "%s: %s", sink->part ? sink->part : sink->path, strerror(errno));
        free(sink->part); /* not made by this sink: nothing to remove */
        sink->part = NULL;
        return rc;
    }
    sink->is_mine = 1;
    return HF_OK;
}

static int open_io(hf_sink *sink)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);

    if (buffer)
        sink->io = avio_alloc_context(buffer, BUFFER_BYTES, 1, sink, NULL, write_all, seek);
    if (!sink->io) {
        av_free(buffer);
        return HF_ENOMEM;
    }
    if (!sink->part && lseek(sink->fd, 0, SEEK_CUR) < 0)
        sink->io->seekable = 0;
    return HF_OK;
}

int hf_sink_open(hf_sink **out, const char *path, hf_error *err)
{
    hf_sink *sink = NULL;
    int rc;

    *out = NULL;
    if ((rc = hf_sink_can_open(path, err)) < 0)
        return rc;
    if (!(sink = calloc(1, sizeof(*sink))) || !(sink->path = strdup(path))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    sink->fd = -1;
    if ((rc = open_fd(sink, err)) < 0)
        goto end;
    if (open_io(sink) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    *out = sink;
    sink = NULL;
end:
    hf_sink_close(&sink);
    return rc;
}

void hf_sink_close(hf_sink **out)
{
    hf_sink *sink = *out;

    if (!sink)
        return;
    if (sink->io)
        av_freep(&sink->io->buffer);
    avio_context_free(&sink->io);
    if (sink->is_mine && sink->fd >= 0)
        close(sink->fd);
    if (sink->part)
        unlink(sink->part);
    free(sink->part);
    free(sink->path);
    free(sink);
    *out = NULL;
}

AVIOContext *hf_sink_get_io(const hf_sink *sink)
{
    return sink->io;
}

int hf_sink_check(const hf_sink *sink, hf_error *err)
{
    return sink->code ? hf_fail(err, HF_EIO, "%s: cannot write: %s",
                                strcmp(sink->path, "-") ? sink->path : "standard output", strerror(sink->code))
                      : HF_OK;
}

int hf_sink_commit(hf_sink *sink, hf_sink_sync sync, hf_error *err)
{
    int rc;

    avio_flush(sink->io);
    if ((rc = hf_sink_check(sink, err)) < 0)
        return rc;
    if (!sink->part)
        return HF_OK;
    if (sync == HF_SINK_SYNC && fsync(sink->fd) < 0 && errno != EINVAL)
        return hf_fail(err, HF_EIO, "%s: %s", sink->part, strerror(errno));
    /* Some file systems tell of a full disk only here. */
    rc = close(sink->fd);
    sink->is_mine = 0;
    if (rc < 0 || rename(sink->part, sink->path) < 0)
        return hf_fail(err, HF_EIO, "%s: %s", sink->path, strerror(errno));
    free(sink->part);
    sink->part = NULL;
    return HF_OK;
}
