#include "server/monitoring.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "civetweb.h"

namespace metagraph {
namespace {

int Answer(mg_connection* connection, int code, const char* type,
           const std::string& body) {
  const char* const reason = code == 200   ? "OK"
                             : code == 405 ? "Method Not Allowed"
                             : code == 404 ? "Not Found"
                                           : "Service Unavailable";
  const std::string head = absl::StrCat(
      "HTTP/1.1 ", code, " ", reason, "\r\nContent-Type: ", type,
      "\r\nContent-Length: ", body.size(),
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
      code == 405 ? "Allow: GET, HEAD\r\n" : "", "Connection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  const mg_request_info* request = mg_get_request_info(connection);
  if (absl::string_view(request->request_method) != "HEAD") {
    mg_write(connection, body.data(), body.size());
  }
  return code;
}

constexpr char kPlain[] = "text/plain; charset=utf-8";
constexpr char kMetrics[] = "text/plain; version=0.0.4; charset=utf-8";

// Every request comes here: civetweb would look for files else.
int HandleRequest(mg_connection* connection) {
  const mg_request_info* request = mg_get_request_info(connection);
  const auto& pages =
      *static_cast<const Monitoring::Pages*>(request->user_data);
  const absl::string_view method = request->request_method;
  const absl::string_view path = request->local_uri;
  if (method != "GET" && method != "HEAD") {
    return Answer(connection, 405, kPlain, "only GET is served here\n");
  }
  if (path == "/metrics") {
    return Answer(connection, 200, kMetrics, pages.metrics());
  }
  if (path == "/healthz") return Answer(connection, 200, kPlain, "alive\n");
  if (path == "/readyz") {
    const std::vector<std::string> reasons = pages.not_ready();
    if (reasons.empty()) return Answer(connection, 200, kPlain, "ready\n");
    return Answer(connection, 503, kPlain,
                  absl::StrCat(absl::StrJoin(reasons, "\n"), "\n"));
  }
  return Answer(connection, 404, kPlain,
                "here are /metrics, /healthz and /readyz\n");
}

// civetweb's own complaints are for its debuggers.
int KeepSilent(const mg_connection*, const char*) { return 1; }

}  // namespace

absl::StatusOr<std::unique_ptr<Monitoring>> Monitoring::Start(
    const std::string& address, Pages pages) {
  std::unique_ptr<Monitoring> out(new Monitoring(std::move(pages)));
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string ports = absl::StrCat(
      host == "localhost" ? "127.0.0.1" : host, address.substr(colon));
  const char* options[] = {"listening_ports",
                           ports.c_str(),
                           "num_threads",
                           "64",
                           "connection_queue",
                           "64",
                           "listen_backlog",
                           "64",
                           "request_timeout_ms",
                           "1000",
                           "max_request_size",
                           "8192",
                           "enable_keep_alive",
                           "no",
                           nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = HandleRequest;
  callbacks.log_message = KeepSilent;
  mg_init_data init{};
  init.callbacks = &callbacks;
  init.user_data = &out->pages_;
  init.configuration_options = options;
  char text[256] = "";
  mg_error_data error{};
  error.text = text;
  error.text_buffer_size = sizeof(text);
  out->server_ = mg_start2(&init, &error);
  if (out->server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, " for metrics",
                     text[0] == '\0' ? "" : ": ", text));
  }
  mg_server_port port{};
  mg_get_server_ports(out->server_, 1, &port);
  out->port_ = port.port;
  out->address_ = absl::StrCat(host, ":", port.port);
  return out;
}

Monitoring::~Monitoring() {
  if (server_ == nullptr) return;
  // civetweb's thread that accepts looks up every two seconds only, unless
  // somebody comes: knocks until it has seen that it is to stop.
  std::atomic<bool> stopped{false};
  std::thread knocker([&] {
    while (!stopped) {
      Knock();
      poll(nullptr, 0, /*timeout=*/5);
    }
  });
  mg_stop(server_);
  stopped = true;
  knocker.join();
}

void Monitoring::Knock() const {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port_));
  const size_t colon = address_.rfind(':');
  const std::string host = address_.substr(0, colon);
  const char* const number = host == "localhost" ? "127.0.0.1" : host.c_str();
  if (inet_pton(AF_INET, number, &to.sin_addr) != 1) return;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  // On this machine it succeeds at once, or there is nobody any more.
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  close(fd);
}

}  // namespace metagraph
