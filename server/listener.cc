#include "server/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// Why the address cannot be bound: gRPC does not tell.
std::string BindProblem(const std::string& address) {
  constexpr char kUnknown[] = "the address cannot be used";
  if (absl::StartsWith(address, "unix:")) return kUnknown;
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (error != 0) return gai_strerror(error);
  std::string out = kUnknown;
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (fd >= 0) {
    const int reuse = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
      out = std::strerror(errno);
    }
    close(fd);
  }
  freeaddrinfo(found);
  return out;
}

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

}  // namespace

Listener::Listener(const InspectHandler& inspect,
                   const InferenceHandler& inference, const AdminHandler& admin,
                   const CallSupport& support, const Authorizer::Rules& rules)
    : authorizer_(rules),
      support_(support),
      inspect_(inspect, support_),
      inference_(inference, support_),
      session_(inference, support_),
      admin_(admin, support_) {
  support_.authorizer = &authorizer_;
}

absl::Status Listener::Start(const std::vector<Address>& addresses,
                             const ServerOptions& options, bool channelz) {
  grpc::ServerBuilder builder;
  // A port that another process uses must be an error.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);
  std::vector<int> ports(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    builder.AddListeningPort(addresses[i].address, addresses[i].credentials,
                             &ports[i]);
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
  for (size_t i = 0; i < addresses.size(); ++i) {
    const std::string& address = addresses[i].address;
    const bool is_path = absl::StartsWith(address, "unix:");
    // Ports are bound in their order: the first without one is the bad one.
    if (ports[i] == 0 && (server_ == nullptr || !is_path)) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address,
                                                 ": ", BindProblem(address)));
    }
    bound_.push_back(
        is_path ? address
                : absl::StrCat(address.substr(0, address.rfind(':') + 1),
                               ports[i]));
  }
  if (server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", absl::StrJoin(bound_, ", ")));
  }
  SetServing(false);
  return absl::OkStatus();
}

void Listener::SetServing(bool serving) {
  if (server_ == nullptr) return;
  auto* health = server_->GetHealthCheckService();
  for (const char* service : kServices) {
    health->SetServingStatus(service, serving);
  }
  health->SetServingStatus("", serving);
  // For probes whose failure means a new start: loading and draining are none.
  health->SetServingStatus("liveness", true);
}

void Listener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
}

}  // namespace metagraph
