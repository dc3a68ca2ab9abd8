"""Cases of more than one node: variables and loops; op_graphs_more.py has others.
Cases of a single node are made by op_cases.py."""
import numpy as np
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

import op_values
from op_cases import HINTS, OLD_PRODUCER, Case, hint
from op_cases_index import indices, nd_indices
from op_values import FLOATS, Tensor

TEMPLATES = {}


def template(*ops):
  def add(cls):
    for op in ops:
      TEMPLATES[op] = cls
    return cls
  return add


class GraphCase(Case):
  """Builds a graph node by node; runs are lists of fetches or targets."""

  def __init__(self, *arguments):
    super().__init__(*arguments)
    self.def_ = graph_pb2.GraphDef()
    self.def_.versions.producer = OLD_PRODUCER
    self.feeds = {}
    self.runs = []
    self.notes = []

  def node(self, name, op, inputs=(), **attrs):
    node = self.def_.node.add(name=name, op=op)
    node.input.extend(inputs)
    kinds = {a.name: a.type for a in op_def_registry.get(op).attr}
    for key, value in attrs.items():
      op_values.set_attr(node.attr[key], value, kinds[key])
    return name

  def feed(self, tensor):
    name = self.node(f'p{len(self.feeds)}', 'Placeholder', dtype=tensor.dtype)
    self.feeds[name + ':0'] = tensor
    return name

  def run(self, *fetches, targets=()):
    self.runs.append((fetches, targets))

  def subject(self, inputs, **attrs):
    """The node under test, "n", with its own attributes."""
    return self.node('n', self.op, inputs, **{**self.attrs, **attrs})

  def fetch_subject(self):
    fetches = []
    for i, arg in enumerate(self.definition.output_arg):
      if arg.type == types_pb2.DT_RESOURCE or arg.is_ref and self.op.startswith(('Stack', 'TensorArray')):
        continue
      fetches.append(f'n:{i}')
    if len(self.definition.output_arg) == 1 and (self.definition.output_arg[0].number_attr or
                                                 self.definition.output_arg[0].type_list_attr):
      fetches = [f'n:{i}' for i in range(self.output_count())]
    self.run(*fetches, targets=() if fetches else ('n',))

  def make(self):
    self.build()
    return self

  def messages(self):
    requests = []
    for fetches, targets in self.runs:
      request = op_values.RunStepRequest(fetch=fetches, target=targets)
      needed = self.needed(list(fetches) + list(targets))
      for name, tensor in self.feeds.items():
        if name[:-2] in needed:
          request.feed.add(name=name).tensor.CopyFrom(op_values.to_proto(tensor))
      requests.append(request)
    return self.def_, requests

  def needed(self, names):
    by_name = {n.name: n for n in self.def_.node}
    seen, todo = set(), [n.split(':')[0] for n in names]
    while todo:
      name = todo.pop()
      if name in by_name and name not in seen:
        seen.add(name)
        todo.extend(i.lstrip('^').split(':')[0] for i in by_name[name].input)
    return seen

  def describe(self):
    nodes = '\n      '.join(f'{n.name} = {n.op}({", ".join(n.input)})' for n in self.def_.node if n.op != 'Placeholder')
    feeds = '\n      '.join(f'{name} {tensor!r}' for name, tensor in self.feeds.items())
    return f'{self.op}({self.attrs})\n      {nodes}\n      {feeds}\n      runs {self.runs}'


# --- variables -------------------------------------------------------------------

VARIABLE_OPS = ['Assign', 'AssignAdd', 'AssignSub', 'CountUpTo', 'IsVariableInitialized', 'RefIdentity', 'ScatterNdAdd',
                'ScatterNdSub', 'ScatterNdUpdate', 'AssignVariableOp', 'AssignAddVariableOp', 'AssignSubVariableOp',
                'ReadVariableOp', 'VarIsInitializedOp', 'VariableShape', 'ResourceCountUpTo', 'ResourceGather',
                'ResourceGatherNd', 'ResourceScatterNdAdd', 'ResourceScatterNdSub', 'ResourceScatterNdUpdate',
                'DestroyResourceOp', 'DisableCopyOnRead', 'RefSelect']
VARIABLE_OPS += [f'{p}Scatter{k}' for p in ('', 'Resource') for k in ('Add', 'Sub', 'Mul', 'Div', 'Min', 'Max', 'Update')]
VARIABLE_OPS += [f'{p}Apply{k}' for p in ('', 'Resource') for k in (
    'GradientDescent', 'Momentum', 'KerasMomentum', 'Adagrad', 'AdagradV2', 'Adadelta', 'Adam', 'RMSProp',
    'CenteredRMSProp', 'Ftrl', 'FtrlV2', 'ProximalAdagrad', 'ProximalGradientDescent')]
VARIABLE_OPS = [op for op in VARIABLE_OPS if op_def_registry.get(op) is not None]


@template(*VARIABLE_OPS)
class VariableCase(GraphCase):
  """Variables get values, the op runs, variables are read again."""

  def arg_types(self):
    resource = self.attrs.get('T') or self.attrs.get('dtype') or 'float'
    out = []
    for types, arg in zip(super().arg_types(), self.definition.input_arg):
      out.append([resource] if arg.type == types_pb2.DT_RESOURCE else types)
    return out

  def build(self):
    values = HINTS.get(self.op, variable_inputs)(self)
    inputs, variables, k = [], [], 0
    for arg in self.definition.input_arg:
      for _ in range(self.attrs[arg.number_attr] if arg.number_attr else 1):
        value = values[k]
        is_resource = arg.type == types_pb2.DT_RESOURCE
        if is_resource or arg.is_ref:
          inputs.append(self.variable(k, value, is_resource))
          variables.append(f'read{k}')
        else:
          inputs.append(self.feed(value))
        k += 1
    self.subject(inputs)
    # A variable without elements needs no value in TensorFlow.
    if self.g.chance(0.95) or any(v.array.size == 0 for v in values):
      self.run(targets=[v.replace('read', 'init') for v in variables])
    self.fetch_subject()
    if self.op != 'DestroyResourceOp':
      self.run(*[v + ':0' for v in variables])

  def variable(self, k, value, is_resource):
    shape = list(value.array.shape)
    if is_resource:
      self.node(f'v{k}', 'VarHandleOp', dtype=value.dtype, shape=shape, shared_name=f'v{k}')
      self.node(f'init{k}', 'AssignVariableOp', [f'v{k}', self.feed(value)], dtype=value.dtype)
      self.node(f'read{k}', 'ReadVariableOp', [f'v{k}'], dtype=value.dtype)
    else:
      self.node(f'v{k}', 'VariableV2', dtype=value.dtype, shape=shape)
      self.node(f'init{k}', 'Assign', [f'v{k}', self.feed(value)], T=value.dtype, validate_shape=False)
      self.node(f'read{k}', 'Identity', [f'v{k}'], T=value.dtype)
    return f'v{k}'


def variable_inputs(c):
  """For training ops and assignments: states alike, rates as scalars."""
  shape = c.g.shape()
  if 'limit' in c.kinds:
    c['limit'] = c.g.int(0, 3)
    shape = ()
  scalars = {'lr', 'alpha', 'rho', 'momentum', 'epsilon', 'beta1', 'beta2', 'beta1_power', 'beta2_power', 'l1', 'l2',
             'lr_power', 'l2_shrinkage'}
  states = {'accum', 'ms', 'mg', 'mom', 'v', 'accum_update', 'linear'}
  out = []
  for arg, dtypes in zip(c.definition.input_arg, c.arg_types()):
    for dtype in dtypes:
      if arg.name == 'lr_power':
        out.append(Tensor(dtype, c.g.pick(-0.5, -0.3, 0.0)))
      elif arg.name in scalars:
        out.append(Tensor(dtype, c.g.pick(0.5, 0.1, 0.9, 0.01)))
      else:
        out.append(c.g.array(dtype, shape, style='tame'))
        if arg.name in states and dtype in FLOATS:
          out[-1].array = np.abs(out[-1].array)
  if c.g.chance(0.04):
    out[-1] = c.g.array(out[-1].dtype, c.g.shape())
  return out


@hint(*[op for op in VARIABLE_OPS if 'Scatter' in op and 'Nd' not in op])
def _(c):
  shape = c.g.shape(1, 3)
  where = c.g.shape(0, 2)
  dtype = c.arg_types()[0][0]
  if shape[0] == 0:
    where = (0,)
  updates = c.g.pick(where + shape[1:], where + shape[1:], ())
  out = [c.g.array(dtype, shape, style='tame'), indices(c, 'Tindices', where, shape[0]),
         c.g.array(dtype, updates, style='tame')]
  if 'Div' in c.op and dtype not in FLOATS:
    out[2].array = np.where(out[2].array == 0, 1, out[2].array).astype(out[2].array.dtype)
  return out


@hint(*[op for op in VARIABLE_OPS if 'ScatterNd' in op])
def _(c):
  shape = c.g.shape(1, 3)
  dtype = c.arg_types()[0][0]
  where, outer, depth = nd_indices(c, 'Tindices', shape)
  return [c.g.array(dtype, shape, style='tame'), where, c.g.array(dtype, outer + shape[depth:], style='tame')]


@hint('ResourceGather', 'ResourceGatherNd')
def _(c):
  shape = c.g.shape(1, 3)
  value = c.array('dtype', shape)
  if c.op.endswith('Nd'):
    return [value, nd_indices(c, 'Tindices', shape)[0]]
  c['batch_dims'] = 0
  return [value, indices(c, 'Tindices', c.g.shape(0, 2), shape[0])]


@hint('RefSelect')
def _(c):
  shape = c.g.shape()
  return [c.ints('int32', c.g.int(0, c['N'] - (0 if c.g.chance(.1) else 1)))] + [
      c.array('T', shape) for _ in range(c['N'])]


@template('Variable', 'VariableV2', 'VarHandleOp')
class MakeVariableCase(GraphCase):

  def build(self):
    value = self.array('dtype', self.g.shape())
    self['shape'] = list(value.array.shape)
    self['container'] = self['shared_name'] = b''
    self.subject([])
    p = self.feed(value)
    if self.op == 'VarHandleOp':
      self.node('init', 'AssignVariableOp', ['n', p], dtype=value.dtype)
      self.node('read', 'ReadVariableOp', ['n'], dtype=value.dtype)
    else:
      self.node('init', 'Assign', ['n', p], T=value.dtype)
      self.node('read', 'Identity', ['n'], T=value.dtype)
    if self.g.chance(.8) or value.array.size == 0:
      self.run(targets=['init'])
    self.run('read:0')


@template('Const', 'Placeholder', 'PlaceholderV2', 'Empty')
class SourceCase(GraphCase):

  def build(self):
    value = self.array('dtype', self.g.shape())
    if self.op == 'Const':
      self['value'] = value
      self.subject([])
    elif self.op == 'Empty':
      self['init'] = True
      self.subject([self.feed(self.ints('int32', value.array.shape))])
    else:
      self['shape'] = list(value.array.shape)
      self.subject([])
      self.feeds['n:0'] = value
    self.node('out', 'Identity', ['n'], T=value.dtype)
    self.run('out:0')


# --- control flow -----------------------------------------------------------------

@template('Switch', 'Merge', 'Enter', 'Exit', 'NextIteration', 'LoopCond')
class FlowCase(GraphCase):
  """A conditional, or a loop that adds, of which the op is a part."""

  def build(self):
    dtype = 'float' if self.op != 'Switch' and self.op != 'Merge' else self['T']
    value = self.g.array(dtype, self.g.shape())
    p = self.feed(value)
    if self.op in ('Switch', 'Merge'):
      self.attrs['T'] = value.dtype
      self.node('s', 'Switch', [p, self.feed(self.g.array('bool', ()))], T=value.dtype)
      self.node('f', 'Identity', ['s'], T=value.dtype)
      self.node('t', 'Identity', ['s:1'], T=value.dtype)
      self.node('m', 'Merge', ['f', 't'], T=value.dtype, N=2)
      self.run('m:0', 'm:1')
      if self.g.chance(0.3):
        self.run(self.g.pick('f:0', 't:0'))
      return
    frame = {'frame_name': b'f', 'T': 'float', 'parallel_iterations': self.g.pick(1, 10)}
    self.node('i', 'Enter', [self.feed(Tensor('float', self.g.int(0, 3)))], **frame)
    self.node('x', 'Enter', [p], **frame)
    self.node('limit', 'Enter', [self.feed(Tensor('float', self.g.int(0, 5)))], is_constant=True, **frame)
    self.node('one', 'Enter', [self.feed(Tensor('float', 1))], is_constant=True, **frame)
    for v in 'ix':
      self.node(v + '_m', 'Merge', [v, v + '_next'], T='float', N=2)
    self.node('less', 'Less', ['i_m', 'limit'], T='float')
    self.node('cond', 'LoopCond', ['less'])
    for v in 'ix':
      self.node(v + '_s', 'Switch', [v + '_m', 'cond'], T='float')
      self.node(v + '_out', 'Exit', [v + '_s'], T='float')
      self.node(v + '_new', 'Add', [v + '_s:1', 'one'], T='float')
      self.node(v + '_next', 'NextIteration', [v + '_new'], T='float')
    self.run('i_out:0', 'x_out:0')


@template('RefSwitch', 'RefMerge')
class RefSwitchCase(GraphCase):

  def build(self):
    value = self.array('T', self.g.shape())
    self.node('v', 'VariableV2', dtype=value.dtype, shape=list(value.array.shape))
    self.node('init', 'Assign', ['v', self.feed(value)], T=value.dtype)
    self.node('s', 'RefSwitch', ['v', self.feed(self.g.array('bool', ()))], T=value.dtype)
    self.node('add', 'Assign', ['s:1', self.feed(self.g.array(value.dtype, value.array.shape))], T=value.dtype)
    self.node('m', 'RefMerge', ['s', 'add'], T=value.dtype, N=2)
    self.node('read', 'Identity', ['v'], T=value.dtype)
    self.run(targets=['init'])
    self.run('m:0', 'm:1')
    self.run('read:0')


@template('RefEnter', 'RefExit', 'RefNextIteration')
class RefFlowCase(GraphCase):

  def build(self):
    self.node('v', 'VariableV2', dtype='float', shape=[2])
    self.node('init', 'Assign', ['v', self.feed(self.g.array('float', (2,)))], T='float')
    self.node('x', 'RefEnter', ['v'], T='float', frame_name=b'f')
    self.node('y', 'Identity', ['x'], T='float')
    self.node('out', 'Exit', ['y'], T='float')
    self.run(targets=['init'])
    self.run('out:0')


class SingleNode(Case):

  def messages(self):
    graph, feeds, fetches = self.graph()
    request = op_values.RunStepRequest()
    for name, tensor in feeds.items():
      request.feed.add(name=name).tensor.CopyFrom(op_values.to_proto(tensor))
    if fetches:
      request.fetch.extend(fetches)
    else:
      request.target.append('n')
    return graph, [request]


def make_case(op, kernels, seed, number):
  cls = TEMPLATES.get(op, SingleNode)
  case = cls(op, kernels[op], seed, number)
  return case.make()
