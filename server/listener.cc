#include "server/listener.h"

#include <algorithm>
#include <climits>
#include <functional>
#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"

namespace metagraph {
namespace {

constexpr const char* kServices[] = {
    "metagraph.v1.Inspect", "metagraph.v1.Inference", "metagraph.v1.Admin",
    "tensorflow.serving.SessionService",
    // As TensorFlow Serving's own clients ask for it.
    "SessionService"};

// Plugins are the process's: a listener drops those that it shall not have.
class WithoutPlugins final : public grpc::ServerBuilderOption {
 public:
  explicit WithoutPlugins(std::vector<std::string> names)
      : names_(std::move(names)) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    std::erase_if(*plugins, [this](const auto& plugin) {
      return absl::c_linear_search(names_, plugin->name());
    });
  }

 private:
  const std::vector<std::string> names_;
};

int Milliseconds(absl::Duration time) {
  if (time == absl::ZeroDuration()) return INT_MAX;  // never
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(time), 1, INT_MAX));
}

// What one connection may cost, and how long one lives of which nothing is
// heard.
void SetLimits(const ServerOptions::Transport& limits,
               grpc::ServerBuilder& builder) {
  const std::pair<const char*, int> arguments[] = {
      {GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_streams},
      {GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(limits.max_metadata_bytes)},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
       Milliseconds(limits.handshake_timeout)},
      {GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits.keepalive_time)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits.keepalive_timeout)},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      // Clients that ask as often as this whether we live are no nuisance.
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000},
      {GRPC_ARG_MAX_CONNECTION_IDLE_MS,
       Milliseconds(limits.max_connection_idle)},
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_connection_age)},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
       Milliseconds(limits.max_connection_age_grace)},
  };
  for (const auto& [name, value] : arguments) {
    builder.AddChannelArgument(name, value);
  }
  if (!limits.accept_compression) {
    for (const grpc_compression_algorithm algorithm :
         {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
      builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
    }
  }
}

// Hands connections to a gRPC server, which owns them from then on.
std::function<void(int, int)> HandTo(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  return
      [server = std::shared_ptr(std::move(server))](int listening_fd, int fd) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
            connection;
        connection.listener_fd = listening_fd;
        connection.fd = fd;
        server->HandleNewConnection(&connection);
      };
}

}  // namespace

Listener::Listener(const InspectHandler& inspect,
                   const InferenceHandler& inference, const AdminHandler& admin,
                   const CallSupport& support, const Authorizer::Rules& rules,
                   Connections& connections)
    : authorizer_(rules),
      support_(support),
      inspect_(inspect, support_),
      inference_(inference, support_),
      session_(inference, support_),
      admin_(admin, support_),
      connections_(connections) {
  support_.authorizer = &authorizer_;
}

absl::Status Listener::Start(const std::vector<Address>& addresses,
                             const ServerOptions& options,
                             const grpc::ResourceQuota& memory, bool channelz) {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);
  builder.SetResourceQuota(memory);
  SetLimits(options.transport, builder);
  std::vector<Acceptor::Source> sources;
  for (const Address& address : addresses) {
    ASSIGN_OR_RETURN(auto sockets, ListeningSocket::Open(address.address));
    bound_.push_back(sockets[0]->bound());
    const auto take =
        HandTo(builder.experimental().AddExternalConnectionAcceptor(
            grpc::ServerBuilder::experimental_type::ExternalConnectionType::
                FROM_FD,
            address.credentials));
    for (auto& socket : sockets) sources.push_back({std::move(socket), take});
  }
  builder.RegisterService(&inspect_);
  builder.RegisterService(&inference_);
  builder.RegisterService(&session_);
  builder.RegisterService(&admin_);
  std::vector<std::string> unwanted;
  if (!options.reflection) unwanted.emplace_back("proto_server_reflection");
  if (!channelz) unwanted.emplace_back("channelz_service");
  builder.SetOption(std::make_unique<WithoutPlugins>(std::move(unwanted)));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", absl::StrJoin(bound_, ", ")));
  }
  for (const std::string& service : Services()) SetServing(service, false);
  SetServing("", false);
  acceptor_ = std::make_unique<Acceptor>(std::move(sources), connections_);
  return absl::OkStatus();
}

std::vector<std::string> Listener::Services() {
  return {std::begin(kServices), std::end(kServices)};
}

void Listener::SetServing(const std::string& service, bool serving) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(service, serving);
}

void Listener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  acceptor_.reset();
  // gRPC would wait for what they have to say.
  connections_.EndSilent();
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
}

}  // namespace metagraph
