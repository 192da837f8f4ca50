/* test_queue.c - bounded queues between threads. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>
#include "src/cli/queue.h"

#define N_ITEMS 20000

static hf_queue *q;

static void *count_up(void *unused)
{
    for (intptr_t i = 1; i <= N_ITEMS; i++)
        hf_queue_push(q, (void *)i);
    hf_queue_finish(q);
    return unused;
}

Test(queue, items_arrive_once_and_in_order, .timeout = 20)
{
    pthread_t writer;
    void *item;
    intptr_t want = 0;
    hf_queue_new(&q, 3, NULL);
    pthread_create(&writer, NULL, count_up, NULL);
    while (hf_queue_pop(q, &item) == HF_OK)
        cr_assert_eq((intptr_t)item, ++want);
    cr_assert_eq(want, N_ITEMS);
    cr_assert_eq(hf_queue_pop(q, &item), HF_EOF);
    cr_assert_null(item);
    pthread_join(writer, NULL);
    hf_queue_free(&q);
    cr_assert_null(q);
}

static void *push_two(void *status)
{
    *(int *)status = hf_queue_push(q, q);
    if (*(int *)status == HF_OK)
        *(int *)status = hf_queue_push(q, q); /* no room: waits */
    return NULL;
}

Test(queue, abort_wakes_a_waiting_writer, .timeout = 20)
{
    pthread_t writer;
    int status = 1;
    hf_queue_new(&q, 1, NULL);
    pthread_create(&writer, NULL, push_two, &status);
    usleep(20000);
    hf_queue_abort(q);
    pthread_join(writer, NULL);
    cr_assert_eq(status, HF_EINTERRUPTED);
    hf_queue_free(&q);
}

static void *pop_one(void *status)
{
    void *item;
    *(int *)status = hf_queue_pop(q, &item);
    return NULL;
}

Test(queue, abort_wakes_a_waiting_reader, .timeout = 20)
{
    pthread_t reader;
    int status = 1;
    hf_queue_new(&q, 1, NULL);
    pthread_create(&reader, NULL, pop_one, &status);
    usleep(20000);
    hf_queue_abort(q);
    pthread_join(reader, NULL);
    cr_assert_eq(status, HF_EINTERRUPTED);
    hf_queue_free(&q);
}

Test(queue, nothing_enters_after_finish_and_the_rest_comes_out, .timeout = 20)
{
    void *item;
    int x;
    hf_queue_new(&q, 2, NULL);
    cr_assert_eq(hf_queue_push(q, &x), HF_OK);
    hf_queue_finish(q);
    cr_assert_eq(hf_queue_push(q, &x), HF_EINTERRUPTED);
    cr_assert_eq(hf_queue_pop(q, &item), HF_OK);
    cr_assert_eq(item, &x);
    cr_assert_eq(hf_queue_pop(q, &item), HF_EOF);
    hf_queue_free(&q);
}
