/* run_read.c - the decoding thread; see run.h.
 *
 * A segment that is followed backward is decoded twice: first in chunks from its
 * end, each chunk read forward into a bounded buffer and handed on in reverse,
 * then once more forward for rendering.
 */
#include "src/cli/run.h"

#include <stdlib.h>
#include <string.h>

int hf_run_read_frame(hf_run *run, hf_frame *frame, int64_t index, hf_error *err)
{
    int rc;
    if (run->ahead && run->ahead->index == index) {
        hf_frame kept = *frame;
        *frame = *run->ahead;
        *run->ahead = kept;
        hf_frame_free(&run->ahead);
        return HF_OK;
    }
    if (run->at != index && run->info->is_seekable) {
        if ((rc = hf_video_in_seek(run->in, index, err)) < 0)
            return rc;
        run->at = index;
    }
    if (run->at > index)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: frame %lld has gone by and a pipe cannot go back",
                       run->options->input, (long long)index);
    do {
        if ((rc = hf_video_in_read(frame, run->in, err)) != HF_OK)
            return rc;
        run->at = frame->index + 1;
    } while (frame->index < index);
    return HF_OK;
}

/* Hand a job on; an aborted queue means that somebody else has failed. */
static int hand_on(hf_run *run, hf_job *job)
{
    return hf_queue_push(run->decoded, job);
}

static int take_job(hf_run *run, hf_job **job)
{
    void *item;
    int rc = hf_queue_pop(run->free_jobs, &item);
    *job = item;
    return rc == HF_OK ? HF_OK : HF_EINTERRUPTED;
}

/* Read frames [first, last] into buffer and hand them on from the last to the first. */
static int read_chunk(hf_run *run, uint8_t *buffer, hf_frame *scratch, int64_t first, int64_t last, hf_error *err)
{
    size_t bytes = (size_t)run->info->width * (size_t)run->info->height * 3;
    int rc;
    for (int64_t i = first; i <= last; i++) {
        if ((rc = hf_run_read_frame(run, scratch, i, err)) != HF_OK)
            return rc == HF_EOF ? hf_fail(err, HF_EFORMAT, "%s: ends before frame %lld", run->options->input,
                                          (long long)i)
                                : rc;
        memcpy(buffer + (size_t)(i - first) * bytes, scratch->rgb, bytes);
    }
    for (int64_t i = last; i >= first; i--) {
        hf_job *job;
        if ((rc = take_job(run, &job)) < 0)
            return rc;
        memcpy(job->frame->rgb, buffer + (size_t)(i - first) * bytes, bytes);
        job->frame->index = i;
        job->is_backward = 1;
        if ((rc = hand_on(run, job)) < 0)
            return rc;
    }
    return HF_OK;
}

static int read_backward(hf_run *run, int64_t first, int64_t last, hf_error *err)
{
    int64_t bytes = (int64_t)run->info->width * run->info->height * 3;
    int64_t n_chunk = HF_RUN_REVERSE_BYTES / bytes;
    uint8_t *buffer = NULL;
    hf_frame *scratch = NULL;
    int rc;

    if (n_chunk < 1)
        n_chunk = 1;
    if (n_chunk > last - first + 1)
        n_chunk = last - first + 1;
    if (!(buffer = malloc((size_t)(n_chunk * bytes)))) {
        rc = hf_fail(err, HF_ENOMEM, "%lld frames for the backward pass: out of memory", (long long)n_chunk);
        goto end;
    }
    if ((rc = hf_frame_new(&scratch, run->info->width, run->info->height, err)) < 0)
        goto end;
    for (int64_t end = last; end >= first; end -= n_chunk) {
        int64_t begin = end - n_chunk + 1 > first ? end - n_chunk + 1 : first;
        if ((rc = read_chunk(run, buffer, scratch, begin, end, err)) < 0)
            goto end;
    }
end:
    hf_frame_free(&scratch);
    free(buffer);
    return rc;
}

static int read_forward(hf_run *run, int64_t first, int64_t last, hf_error *err)
{
    for (int64_t i = first; i <= last; i++) {
        hf_job *job;
        int rc = take_job(run, &job);
        if (rc < 0)
            return rc;
        job->is_backward = 0;
        if ((rc = hf_run_read_frame(run, job->frame, i, err)) != HF_OK)
            return rc;
        if ((rc = hand_on(run, job)) < 0)
            return rc;
    }
    return HF_OK;
}

static int read_plan(hf_run *run, hf_error *err)
{
    int needs_tracking = hf_session_needs_tracking(run->session), rc = HF_OK;
    for (int i = 0; i < run->plan.n && rc == HF_OK; i++) {
        const hf_segment *s = &run->plan.segment[i];
        int64_t first = s->first > run->start ? s->first : run->start;
        if (s->last < run->start)
            continue;
        if (s->right >= 0 && needs_tracking && (rc = read_backward(run, first, s->last, err)) < 0)
            return rc;
        rc = read_forward(run, first, s->last, err);
    }
    return rc;
}

void *hf_run_read_thread(void *argument)
{
    hf_reader *reader = argument;
    reader->rc = read_plan(reader->run, &reader->err);
    hf_queue_finish(reader->run->decoded);
    return NULL;
}
