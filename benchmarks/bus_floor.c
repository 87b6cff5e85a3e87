/* Moves bodies through a quorum queue with librabbitmq and looks at none: the least a client does.

   bus_floor publish|consume HOST PORT EXCHANGE COUNT BYTES

   Says "ready", begins at a line of standard input, ends with a line of JSON, as bus_ends does. */

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHANNEL = 1, WINDOW = 8, PREFETCH = 64, HEARTBEAT_S = 0 };

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void require(int is_good, const char *what) {
    if (!is_good) {
        fprintf(stderr, "bus_floor: %s failed\n", what);
        exit(1);
    }
}

static void require_reply(amqp_connection_state_t broker, const char *what) {
    require(amqp_get_rpc_reply(broker).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static void await_confirms(amqp_connection_state_t broker, uint64_t *confirmed) {
    amqp_frame_t frame;
    amqp_basic_ack_t *ack;
    require(amqp_simple_wait_frame(broker, &frame) == AMQP_STATUS_OK, "waiting for a confirm");
    require(frame.frame_type == AMQP_FRAME_METHOD &&
                frame.payload.method.id == AMQP_BASIC_ACK_METHOD,
            "confirming");
    ack = frame.payload.method.decoded;
    *confirmed = ack->delivery_tag;
    amqp_maybe_release_buffers(broker);
}

static void publish(amqp_connection_state_t broker, amqp_bytes_t exchange, long count, long size) {
    uint64_t sent = 0, confirmed = 0;
    amqp_bytes_t body = {(size_t)size, calloc(1, (size_t)size)};
    amqp_basic_properties_t properties = {0};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    while (confirmed < (uint64_t)count) {
        if (sent < (uint64_t)count && sent - confirmed < WINDOW) {
            require(amqp_basic_publish(broker, CHANNEL, exchange, amqp_cstring_bytes("floor"), 0, 0,
                                       &properties, body) == AMQP_STATUS_OK,
                    "publishing");
            sent++;
        } else {
            await_confirms(broker, &confirmed);
        }
    }
    free(body.bytes);
}

static void consume(amqp_connection_state_t broker, long count) {
    amqp_envelope_t envelope;
    for (long got = 1; got <= count; got++) {
        require(amqp_consume_message(broker, &envelope, NULL, 0).reply_type == AMQP_RESPONSE_NORMAL,
                "consuming");
        if (got % WINDOW == 0 || got == count)
            require(amqp_basic_ack(broker, CHANNEL, envelope.delivery_tag, 1) == AMQP_STATUS_OK,
                    "acknowledging");
        amqp_destroy_envelope(&envelope);
        amqp_maybe_release_buffers(broker);
    }
}

static void listen_to(amqp_connection_state_t broker, amqp_bytes_t exchange) {
    amqp_table_entry_t kind = {0};
    kind.key = amqp_cstring_bytes("x-queue-type");
    kind.value.kind = AMQP_FIELD_KIND_UTF8;
    kind.value.value.bytes = amqp_cstring_bytes("quorum");
    amqp_table_t arguments = {1, &kind};
    amqp_exchange_declare(broker, CHANNEL, exchange, amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    require_reply(broker, "declaring the exchange");
    amqp_queue_declare(broker, CHANNEL, exchange, 0, 1, 0, 0, arguments);
    require_reply(broker, "declaring the queue");
    amqp_queue_bind(broker, CHANNEL, exchange, exchange, amqp_cstring_bytes("#"), amqp_empty_table);
    require_reply(broker, "binding the queue");
    amqp_basic_qos(broker, CHANNEL, 0, PREFETCH, 0);
    require_reply(broker, "setting the prefetch");
    amqp_basic_consume(broker, CHANNEL, exchange, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    require_reply(broker, "consuming");
}

int main(int number, char **given) {
    require(number == 7, "reading six arguments");
    int publishes = strcmp(given[1], "publish") == 0;
    long count = atol(given[5]), size = atol(given[6]);
    amqp_bytes_t exchange = amqp_cstring_bytes(given[4]);
    amqp_connection_state_t broker = amqp_new_connection();
    require(amqp_socket_open(amqp_tcp_socket_new(broker), given[2], atoi(given[3])) ==
                AMQP_STATUS_OK,
            "connecting");
    require(amqp_login(broker, "/", 0, AMQP_DEFAULT_FRAME_SIZE, HEARTBEAT_S, AMQP_SASL_METHOD_PLAIN,
                       "guest", "guest")
                    .reply_type == AMQP_RESPONSE_NORMAL,
            "logging in");
    amqp_channel_open(broker, CHANNEL);
    require_reply(broker, "opening a channel");
    if (publishes)
        amqp_confirm_select(broker, CHANNEL);
    else
        listen_to(broker, exchange);
    printf("ready\n");
    fflush(stdout);
    (void)getchar();
    double began = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
    if (publishes)
        publish(broker, exchange, count, size);
    else
        consume(broker, count);
    printf("{\"began\":%f,\"ended\":%f,\"cpu_s\":%f,\"messages\":%ld}\n", began,
           now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID) - used, count);
    amqp_destroy_connection(broker);
    return 0;
}
