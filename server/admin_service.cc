#include "server/admin_service.h"

#include "server/acting_for.h"
#include "server/progress_stream.h"
#include "server/unary_call.h"

namespace metagraph {

#define ADMIN_CALL(name)                                                      \
  grpc::ServerUnaryReactor* AdminService::name(                               \
      grpc::CallbackServerContext* context, const v1::name##Request* request, \
      v1::name##Response* response) {                                         \
    return StartUnary(support_, support_.admin, support_.changing,            \
                      "metagraph.v1.Admin/" #name, *context, *request,        \
                      response,                                               \
                      [this, context, request,                                \
                       response](CallContext& call) -> absl::Status {         \
                        const ActingFor caller(context->peer());              \
                        return handler_.name(*request, call, response);       \
                      });                                                     \
  }
#define ADMIN_STREAM(name)                                                 \
  grpc::ServerWriteReactor<v1::name##Response>* AdminService::name(        \
      grpc::CallbackServerContext* context,                                \
      const v1::name##Request* request) {                                  \
    return StartProgress<v1::name##Response>(                              \
        support_, support_.admin, support_.changing,                       \
        "metagraph.v1.Admin/" #name, *context, *request,                   \
        [this, context, request](                                          \
            CallContext& call,                                             \
            const MessageSink<v1::name##Response>& sink) -> absl::Status { \
          const ActingFor caller(context->peer());                         \
          return handler_.name(*request, call, sink);                      \
        });                                                                \
  }

ADMIN_CALL(LoadModel)
ADMIN_CALL(UnloadModel)
ADMIN_STREAM(Restore)
ADMIN_CALL(Rollback)
ADMIN_STREAM(Save)
ADMIN_CALL(InitializeVariables)
ADMIN_CALL(AssignVariables)
ADMIN_CALL(ExtendGraph)
ADMIN_CALL(SetLogLevel)

#undef ADMIN_CALL
#undef ADMIN_STREAM

}  // namespace metagraph
