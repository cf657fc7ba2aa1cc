// The least a Unix socket can do: reads REQUEST bytes, writes REPLY bytes, for one client at a time.
// echo PATH REQUEST REPLY
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int serve(int client, char *buffer, size_t request, size_t reply) {
  for (;;) {
    for (size_t have = 0; have < request;) {
      ssize_t got = read(client, buffer + have, request - have);
      if (got <= 0) return 0;
      have += (size_t)got;
    }
    for (size_t sent = 0; sent < reply;) {
      ssize_t put = write(client, buffer + sent, reply - sent);
      if (put <= 0) return 0;
      sent += (size_t)put;
    }
  }
}

int main(int count, char **words) {
  if (count != 4) return fprintf(stderr, "usage: echo PATH REQUEST REPLY\n"), 64;
  size_t request = strtoul(words[2], NULL, 10), reply = strtoul(words[3], NULL, 10);
  char *buffer = calloc(1, request > reply ? request : reply);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!buffer || strlen(words[1]) >= sizeof address.sun_path) return 64;
  strcpy(address.sun_path, words[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4)) return 71;
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) return 71;
    serve(client, buffer, request, reply);
    close(client);
  }
}
