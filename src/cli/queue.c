/* queue.c - see queue.h: a ring of pointers under one lock. */
#include "src/cli/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct hf_queue {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    int             capacity, first, n;
    int             finished, aborted;
    void           *item[];
};

int hf_queue_new(hf_queue **out, int capacity, hf_error *err)
{
    hf_queue *queue = calloc(1, sizeof(*queue) + (size_t)capacity * sizeof(void *));
    *out = queue;
    if (!queue)
        return hf_fail(err, HF_ENOMEM, "queue: out of memory");
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    return HF_OK;
}

void hf_queue_free(hf_queue **queue)
{
    if (!*queue)
        return;
    pthread_cond_destroy(&(*queue)->changed);
    pthread_mutex_destroy(&(*queue)->lock);
    free(*queue);
    *queue = NULL;
}

int hf_queue_push(hf_queue *queue, void *item)
{
    int rc = HF_EINTERRUPTED;
    pthread_mutex_lock(&queue->lock);
    while (queue->n == queue->capacity && !queue->finished && !queue->aborted)
        pthread_cond_wait(&queue->changed, &queue->lock);
    if (!queue->finished && !queue->aborted) {
        queue->item[(queue->first + queue->n++) % queue->capacity] = item;
        pthread_cond_broadcast(&queue->changed);
        rc = HF_OK;
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int hf_queue_pop(hf_queue *queue, void **item)
{
    int rc = HF_OK;
    *item = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->n && !queue->finished && !queue->aborted)
        pthread_cond_wait(&queue->changed, &queue->lock);
    if (queue->aborted) {
        rc = HF_EINTERRUPTED;
    } else if (!queue->n) {
        rc = HF_EOF;
    } else {
        *item = queue->item[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->n--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int hf_queue_pop_now(hf_queue *queue, void **item)
{
    pthread_mutex_lock(&queue->lock);
    int is_empty = !queue->n && !queue->finished && !queue->aborted;
    pthread_mutex_unlock(&queue->lock);
    *item = NULL;
    return is_empty ? HF_OK : hf_queue_pop(queue, item); /* one thread pops: what is there stays until then */
}

static void stop(hf_queue *queue, int *flag)
{
    pthread_mutex_lock(&queue->lock);
    *flag = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void hf_queue_finish(hf_queue *queue)
{
    stop(queue, &queue->finished);
}

void hf_queue_abort(hf_queue *queue)
{
    stop(queue, &queue->aborted);
}
