#include "core/model/rescanner.h"

#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "core/io/call_file_system.h"
#include "core/model/graph_difference.h"

namespace metagraph {
namespace {

using Kind = RescanAction::Kind;

// More steps than one look may need; a step that fails may be wanted again.
constexpr int kMaxSteps = 16;

std::string VersionText(int64_t version) {
  return version == 0 ? "the model" : absl::StrCat("version ", version);
}

std::string NotRestoredText(const Outcome& outcome) {
  return absl::StrCat("checkpoint \"", outcome.checkpoint,
                      "\" was not restored, the values before stay: ",
                      outcome.status.ToString());
}

std::string NotLoadedText(const VersionOnDisk& on_disk,
                          const absl::Status& error) {
  return absl::StrCat(VersionText(on_disk.version), " in \"", on_disk.path,
                      "\" could not be loaded: ", error.ToString());
}

const VersionOnDisk* FindOnDisk(const std::vector<VersionOnDisk>& disk,
                                int64_t version) {
  const auto at = absl::c_find_if(
      disk, [&](const VersionOnDisk& v) { return v.version == version; });
  return at == disk.end() ? nullptr : &*at;
}

// While it lives, the end of a call is the end of a part of it, too.
class EndsWith {
 public:
  EndsWith(CallContext& part, CallContext& call)
      : call_(call), token_(call.OnCancel([&part] { part.Cancel(); })) {}
  ~EndsWith() { call_.RemoveCallback(token_); }
  EndsWith(const EndsWith&) = delete;
  EndsWith& operator=(const EndsWith&) = delete;

 private:
  CallContext& call_;
  const int64_t token_;
};

}  // namespace

RescanReport Rescanner::Look(bool retry_failed, CallContext& call,
                             bool is_second) {
  log_.BeginLook();
  std::set<std::string> names;
  for (const ModelSource& source : models_.Sources()) {
    names.insert(source.name);
    if (!call.Check().ok()) continue;
    if (IsLeftAlone(source.name) && (!retry_failed || is_second)) continue;
    LookAt(source, retry_failed, call);
  }
  memory_.KeepOnly(names);
  std::erase_if(not_before_, [&names](const auto& entry) {
    return !names.contains(entry.first);
  });
  return log_.EndLook();
}

bool Rescanner::IsLeftAlone(const std::string& model) const {
  const auto wait = not_before_.find(model);
  return wait != not_before_.end() &&
         models_.environment().clock->Now() < wait->second;
}

void Rescanner::LookAt(const ModelSource& source, bool retry_failed,
                       CallContext& call) {
  Clock& clock = *models_.environment().clock;
  RescanAction last;
  for (int step = 0; step < kMaxSteps && call.Check().ok(); ++step) {
    // Bounded, whatever the files claim: other models wait for their turn.
    CallContext looking(clock.Now() + options_.patience, clock);
    const EndsWith end(looking, call);
    CallFileSystem files(*models_.environment().files, looking);
    Observation observed{
        source, files, looking, retry_failed && step == 0, {}, {}, {}, {}, {}};
    log_.Keep();
    Observe(observed);
    if (!looking.Check().ok()) {
      log_.Drop();
      if (!call.Check().ok()) return;
      GiveUpLook(source);
      return;
    }
    not_before_.erase(source.name);
    models_.SetAwaited(source.name, absl::StrJoin(observed.awaited, "; "));
    const RescanAction action = NextAction(observed.snapshot);
    if (action.kind == Kind::kNothing || action == last) return;
    last = action;
    // Unloaded meanwhile, or loaded from elsewhere.
    const bool is_source =
        absl::c_any_of(models_.Sources(), [&](const ModelSource& now) {
          return now.name == source.name && now.path == source.path;
        });
    if (!is_source) return;
    Execute(action, observed, call);
  }
}

void Rescanner::GiveUpLook(const ModelSource& source) {
  memory_.Forget(source.name);
  const absl::Duration pause = 10 * options_.patience;
  not_before_[source.name] = models_.environment().clock->Now() + pause;
  const std::string text =
      absl::StrCat("to look at \"", source.path, "\" took longer than ",
                   absl::FormatDuration(options_.patience),
                   ": given up; the next look at it is in ",
                   absl::FormatDuration(pause), ", or when one is asked for");
  models_.SetAwaited(source.name, text);
  log_.ReportState(source.name, "slow", text, /*warning=*/true);
}

void Rescanner::Observe(Observation& observed) {
  const std::string& name = observed.source.name;
  observed.snapshot.follows_newest = observed.source.follows_newest;
  observed.snapshot.newest_kept = observed.source.newest_kept;
  observed.snapshot.pinned.assign(observed.source.pinned.begin(),
                                  observed.source.pinned.end());
  for (ManagedModel& model : models_.List()) {
    if (model.name != name || model.state == ModelState::kUnloading) continue;
    const int64_t version = model.version;
    observed.served[version] = std::move(model);
  }
  auto disk = ScanFolder(observed.files, observed.source.path);
  // What there was no time for is not gone.
  if (!observed.looking.Check().ok()) return;
  observed.disk_status = disk.status();
  if (disk.ok()) observed.disk = *std::move(disk);
  ForgetOthers(observed);
  for (const auto& [version, model] : observed.served) {
    ServedVersion served;
    served.version = version;
    served.state = model.state;
    served.pinned = observed.source.pinned.count(version) > 0 ||
                    absl::c_any_of(observed.source.labels,
                                   [v = version](const auto& label) {
                                     return label.second == v;
                                   });
    ObserveRemoval(observed, served);
    ObserveServed(observed, served);
    observed.snapshot.served.push_back(std::move(served));
  }
  ObserveNewVersions(observed);
}

void Rescanner::ForgetOthers(const Observation& observed) {
  if (!observed.disk_status.ok()) return;  // they may be there
  std::set<int64_t> on_disk;
  for (const VersionOnDisk& version : observed.disk) {
    on_disk.insert(version.version);
  }
  std::set<int64_t> gone;
  for (const auto& [version, model] : observed.served) {
    if (!on_disk.contains(version)) gone.insert(version);
  }
  memory_.KeepOnly(observed.source.name, on_disk, gone);
}

void Rescanner::ObserveRemoval(Observation& observed, ServedVersion& served) {
  const std::string& name = observed.source.name;
  if (FindOnDisk(observed.disk, served.version) != nullptr) return;
  if (!memory_.IsGone(name, served.version)) {
    log_.ReportUnsettled();
    return;
  }
  served.gone = observed.disk_status.ok();
  if (served.state != ModelState::kAvailable) return;
  log_.ReportState(
      name, absl::StrCat("gone ", served.version),
      absl::StrCat(
          VersionText(served.version), " is gone from \"", observed.source.path,
          "\"",
          observed.disk_status.ok()
              ? ""
              : absl::StrCat(" (", observed.disk_status.message(), ")"),
          served.pinned || !served.gone
              ? "; it goes on serving from memory"
              : "; it serves until another version can take over"),
      /*warning=*/true);
}

void Rescanner::ObserveNewVersions(Observation& observed) {
  const ModelSource& source = observed.source;
  // How many more of the newest are wanted.
  int64_t wanted = source.follows_newest ? source.newest_kept : 0;
  for (const VersionOnDisk& on_disk : observed.disk) {
    const int64_t version = on_disk.version;
    const bool pinned = source.pinned.count(version) > 0;
    const auto served = observed.served.find(version);
    if (served != observed.served.end() &&
        served->second.state == ModelState::kAvailable) {
      if (wanted > 0) --wanted;
      continue;
    }
    // Nobody asks what lies below the version that serves, or will.
    if (!pinned && (wanted == 0 || source.dropped.count(version) > 0)) continue;
    const std::string topic = VersionText(version);
    const std::string where =
        absl::StrCat(VersionText(version), " in \"", on_disk.path, "\"");
    if (!on_disk.folder.ok()) {
      ReportAwaited(observed, topic,
                    absl::StrCat(where, " is not whole yet: ",
                                 on_disk.folder.status().message()));
      continue;
    }
    RescanMemory::Version& known = memory_.Of(observed.source.name, on_disk);
    if (served != observed.served.end() &&
        served->second.state == ModelState::kEnd &&
        served->second.tried == on_disk.stamp &&
        (WouldEndAlike(served->second.error) || !MayRetry(known, observed)) &&
        !observed.retry_failed) {
      const absl::Status& error = served->second.error;
      const std::string text = NotLoadedText(on_disk, error);
      observed.awaited.push_back(text);
      // Who asked for it has been told.
      if (served->second.by_rescan) {
        log_.ReportState(source.name, topic, text, /*warning=*/true,
                         CauseOf(text, on_disk.path, error));
      }
      continue;
    }
    if (!IsSettled(known)) {
      observed.awaited.push_back(
          absl::StrCat(where, ": files are still changing"));
      continue;
    }
    if (const std::string& missing = memory_.Examine(
            observed.files, known, on_disk, /*needs_weights=*/version != 0);
        !missing.empty()) {
      ReportAwaited(observed, topic,
                    absl::StrCat(where, " is not whole yet: ", missing));
      continue;
    }
    observed.snapshot.found.push_back({version, /*loadable=*/true});
    if (!pinned) --wanted;
  }
}

void Rescanner::ObserveServed(Observation& observed, ServedVersion& served) {
  if (served.state != ModelState::kAvailable) return;
  const VersionOnDisk* on_disk = FindOnDisk(observed.disk, served.version);
  if (on_disk == nullptr || !on_disk->folder.ok()) return;
  const ManagedModel& managed = observed.served.at(served.version);
  if (ObserveGraph(observed, managed, *on_disk, served)) return;

  const std::string& checkpoint = on_disk->folder->newest;
  const Model& model = *managed.model;
  if (checkpoint.empty() || !model.takes_checkpoints()) return;
  const std::string topic = absl::StrCat("checkpoint ", served.version);
  const auto last = model.history().last_restore();
  const bool failed =
      last.has_value() && !last->status.ok() && last->checkpoint == checkpoint;
  if (model.seen().HasSeen(checkpoint) && !(failed && observed.retry_failed)) {
    if (failed) {
      ReportNotRestored(observed, served.version, *last);
    } else if (const std::string named =
                   NamedButMissing(observed.files, *on_disk->folder);
               !named.empty() && on_disk->folder->note != model.folder().note) {
      ReportAwaited(
          observed, topic,
          absl::StrCat("checkpoint \"", named,
                       "\", which the state file names, is not there yet"));
    }
    return;
  }
  RescanMemory::Version& known = memory_.Of(observed.source.name, *on_disk);
  if (failed && !MayRetry(known, observed)) {
    ReportNotRestored(observed, served.version, *last);
    return;
  }
  if (!IsSettled(known)) {
    observed.awaited.push_back(absl::StrCat("checkpoint \"", checkpoint,
                                            "\": files are still changing"));
    return;
  }
  const std::string missing = MissingOfCheckpoint(observed.files, checkpoint);
  if (!missing.empty()) {
    ReportAwaited(observed, topic,
                  absl::StrCat("checkpoint \"", checkpoint,
                               "\" is not whole yet: ", missing));
    return;
  }
  served.new_checkpoint = checkpoint;
}

bool Rescanner::ObserveGraph(Observation& observed, const ManagedModel& managed,
                             const VersionOnDisk& on_disk,
                             ServedVersion& served) {
  if (on_disk.stamp.SameGraph(managed.tried)) return false;
  RescanMemory::Version& known = memory_.Of(observed.source.name, on_disk);
  if (!IsSettled(known)) return false;
  const std::string& path = on_disk.folder->graph_path;
  const std::string topic = absl::StrCat("graph ", served.version);
  if (known.compared_with != managed.serial ||
      (!known.unreadable.empty() && MayRetry(known, observed))) {
    const auto meta = ReadMetaGraph(observed.files, path);
    known.compared_with = managed.serial;
    known.refused = absl::OkStatus();
    known.unreadable = std::string(meta.status().message());
    if (!meta.ok()) memory_.RecordFailure(known);
    known.difference = meta.ok()
                           ? GraphDifference(managed.model->graph()->meta(),
                                             *meta, managed.model->ops())
                           : "";
  }
  if (!known.unreadable.empty()) {
    ReportAwaited(
        observed, topic,
        absl::StrCat("the graph is not whole yet: ", known.unreadable));
    return options_.watch_graph;
  }
  if (known.difference.empty()) return false;

  const std::string what =
      absl::StrCat("\"", path,
                   "\" holds another graph than the one that is "
                   "served (",
                   known.difference, ")");
  if (!options_.watch_graph) {
    const std::string& name = observed.source.name;
    ReportAwaited(
        observed, topic,
        absl::StrCat(what,
                     ", which goes on serving. To have it taken without an "
                     "outage, start metagraphd with --watch_graph; or, with "
                     "one: metagraphctl unload ",
                     name, ", then metagraphctl load ", name, " ",
                     observed.source.path),
        /*warning=*/true, known.difference);
    return false;
  }
  if (!known.refused.ok() && !observed.retry_failed &&
      (WouldEndAlike(known.refused) || !MayRetry(known, observed))) {
    ReportAwaited(
        observed, topic,
        absl::StrCat(what,
                     ", which goes on serving, as the other could not "
                     "be loaded: ",
                     known.refused.ToString()),
        /*warning=*/true,
        CauseOf(known.refused.ToString(), path, known.refused));
    return true;
  }
  if (const std::string& missing = memory_.Examine(
          observed.files, known, on_disk, /*needs_weights=*/true);
      !missing.empty()) {
    ReportAwaited(observed, topic,
                  absl::StrCat(what, " and is not whole yet: ", missing));
    return true;
  }
  // Its own weights may still be on their way; the old ones may even fit.
  if (managed.model->takes_checkpoints() && !observed.retry_failed &&
      on_disk.stamp.SameWeights(managed.tried)) {
    ReportAwaited(
        observed, topic,
        absl::StrCat(what, "; its checkpoint \"", on_disk.stamp.checkpoint,
                     "\" has not changed and is waited for (kill -HUP takes "
                     "the graph with this one)"));
    return true;
  }
  served.new_graph = true;
  return true;
}

void Rescanner::Execute(const RescanAction& action, Observation& observed,
                        CallContext& call) {
  const std::string& name = observed.source.name;
  const std::string version = VersionText(action.version);
  const VersionOnDisk* on_disk = FindOnDisk(observed.disk, action.version);
  const auto served = observed.served.find(action.version);
  switch (action.kind) {
    case Kind::kNothing:
      return;
    case Kind::kLoad: {
      if (const absl::Status status =
              models_.LoadVersion(observed.source, *on_disk->folder, call);
          !status.ok()) {
        if (!call.Check().ok()) return;
        memory_.RecordFailure(memory_.Of(name, *on_disk));
        const std::string text = NotLoadedText(*on_disk, status);
        log_.ReportState(name, version, text, /*warning=*/true,
                         CauseOf(text, on_disk->path, status));
        return;
      }
      log_.ReportEvent(name, absl::StrCat(version, " is served, from \"",
                                          on_disk->path, "\""));
      ReportLoadNote(name, action.version);
      return;
    }
    case Kind::kUnload:
      models_.Retire(name, action.version);
      log_.ReportEvent(name, absl::StrCat(version, " is unloaded"));
      return;
    case Kind::kRestore: {
      Model& model = *served->second.model;
      RestoreOptions options;
      options.checkpoint = action.checkpoint;
      const auto restored = model.Restore(options, nullptr, call);
      if (restored.ok()) {
        log_.ReportEvent(
            name,
            absl::StrCat("checkpoint \"", restored->checkpoint,
                         "\" is restored, generation ", restored->generation),
            /*warning=*/false, /*has_event=*/true);
      } else if (call.Check().ok()) {
        memory_.RecordFailure(memory_.Of(name, *on_disk));
        Outcome outcome;
        outcome.checkpoint = action.checkpoint;
        outcome.status = restored.status();
        ReportNotRestored(observed, action.version, outcome);
      }
      return;
    }
    case Kind::kReplaceGraph: {
      const absl::Status replaced =
          models_.Replace(served->second, *on_disk->folder, call);
      if (replaced.ok()) {
        log_.ReportEvent(
            name, absl::StrCat(version, " is served with the graph of \"",
                               on_disk->folder->graph_path, "\""));
        ReportLoadNote(name, action.version);
      } else if (call.Check().ok()) {
        RescanMemory::Version& known =
            memory_.Of(observed.source.name, *on_disk);
        known.refused = replaced;
        memory_.RecordFailure(known);
      }
      return;
    }
  }
}

bool Rescanner::IsSettled(const RescanMemory::Version& version) {
  if (memory_.IsSettled(version)) return true;
  log_.ReportUnsettled();
  return false;
}

void Rescanner::ReportNotRestored(const Observation& observed, int64_t version,
                                  const Outcome& outcome) {
  const std::string text = NotRestoredText(outcome);
  log_.ReportState(
      observed.source.name, absl::StrCat("checkpoint ", version), text,
      /*warning=*/true, CauseOf(text, outcome.checkpoint, outcome.status));
}

void Rescanner::ReportAwaited(Observation& observed, const std::string& topic,
                              const std::string& text, bool warning,
                              const std::string& cause) {
  observed.awaited.push_back(text);
  log_.ReportState(observed.source.name, topic, text, warning, cause);
}

void Rescanner::ReportLoadNote(const std::string& model, int64_t version) {
  const auto loaded = models_.Find(model, version);
  const std::string note = loaded.ok() ? (*loaded)->note() : "";
  if (note.empty()) return;
  log_.ReportEvent(model, absl::StrCat(VersionText(version), ": ", note),
                   /*warning=*/true);
}

}  // namespace metagraph
