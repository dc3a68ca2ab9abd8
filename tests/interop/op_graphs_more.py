"""More cases of op_graphs.py: stacks, arrays, tables, files."""
import os
import tempfile

import numpy as np

from op_graphs import GraphCase, template
from op_values import Tensor


# --- stacks and arrays ---------------------------------------------------------------

@template('Stack', 'StackPush', 'StackPop', 'StackClose', 'StackV2', 'StackPushV2', 'StackPopV2', 'StackCloseV2')
class StackCase(GraphCase):

  def build(self):
    v = 'V2' if self.op.endswith('V2') else ''
    dtype = self.g.pick('float', 'int32', 'string', 'bool')
    size = [self.feed(self.ints('int32', self.g.int(-1, 3)))] if v else []
    self.node('s', 'Stack' + v, size, elem_type=dtype, stack_name=b'name')
    last, fetches, depth = None, [], 0
    for i in range(self.g.int(1, 6)):
      after = ['^' + last] if last else []
      last = f'o{i}'
      if self.g.chance(0.6):
        self.node(last, 'StackPush' + v, ['s', self.feed(self.g.array(dtype, self.g.shape()))] + after, T=dtype)
      else:
        self.node(last, 'StackPop' + v, ['s'] + after, elem_type=dtype)
      fetches.append(last + ':0')
    if 'Close' in self.op:
      self.node('close', 'StackClose' + v, ['s', '^' + last])
    self.run(*fetches, targets=['close'] if 'Close' in self.op else [])


ARRAY_OPS = ['', 'Grad', 'Write', 'Read', 'Gather', 'Scatter', 'Concat', 'Split', 'Size', 'Close']


@template('TensorArrayGradWithShape', 'TensorArrayPack', 'TensorArrayUnpack',
          *[f'TensorArray{op}{v}' for op in ARRAY_OPS for v in ('', 'V2', 'V3')])
class ArrayCase(GraphCase):
  """Ops on one array, one after another; the op under test among them."""

  def build(self):
    g = self.g
    v = 'V3' if self.op.endswith('V3') or self.op.endswith('WithShape') else 'V2' if self.op.endswith('V2') else ''
    base = self.op[len('TensorArray'):].removesuffix(v)
    self.dtype, self.count, self.v = g.pick('float', 'float', 'int32', 'string'), g.int(0, 4), v
    self.element = g.shape(1, 2)
    self.fetches = []
    options = {'dynamic_size': g.chance(0.4), 'clear_after_read': g.chance(0.6)}
    if g.chance(0.4):
      options['element_shape'] = [None] + list(self.element[1:])
    if v == 'V3':
      options['identical_element_shapes'] = g.chance(0.3)
    self.node('a', 'TensorArray' + v, [self.feed(self.ints('int32', self.count))], dtype=self.dtype, **options)
    self.fetches = []
    self.flow = 'a:1' if v == 'V3' else self.feed(Tensor('float', 0))
    self.handle, self.made, self.after = 'a', 0, []
    fill = g.pick('Scatter', 'Split', 'Write', 'Unpack' if not v else 'Scatter')
    if base in ('Write', 'Scatter', 'Split', 'Unpack'):
      fill = base
    for _ in range(self.count if fill == 'Write' else 1):
      self.add(fill)
    if base.startswith('Grad'):
      self.add(base)
      self.add('Write')
    for _ in range(g.int(0, 2)):
      self.add(g.pick('Read', 'Gather', 'Concat', 'Size', 'Write'))
    if base in ('', 'Size'):
      self.add('Size')
    elif not base.startswith('Grad') and base not in ('Write', 'Scatter', 'Split', 'Unpack'):
      self.add(base)
    if not self.fetches:
      self.add('Size')
    flow = [] if self.flow[0] == 'p' else [self.flow if ':' in self.flow else self.flow + ':0']
    self.run(*self.fetches, *flow, targets=['close'] if base == 'Close' else [])

  def add(self, kind):
    g, name = self.g, f'o{self.made}'
    self.made += 1
    op = 'TensorArray' + kind + (self.v if kind not in ('Pack', 'Unpack', 'GradWithShape') else '')
    index = lambda: self.feed(self.ints('int32', g.int(0, max(0, self.count - (0 if g.chance(.05) else 1)))))
    array = lambda shape: self.feed(g.array(self.dtype, shape))
    many = lambda: self.feed(self.ints('int32', g.r.sample(range(self.count), g.int(0, self.count))))
    # One after another: in a race both sides could be right.
    inputs_of = lambda inputs: [self.handle] + inputs + [self.flow] + self.after
    new_flow = lambda inputs, **attrs: setattr(self, 'flow', self.node(name, op, inputs_of(inputs), **attrs))
    read = lambda inputs, **attrs: self.fetches.append(self.node(name, op, inputs_of(inputs), **attrs) + ':0')
    if kind == 'Write':
      new_flow([self.feed(self.ints('int32', self.made % max(1, self.count))), array(self.element)], T=self.dtype)
    elif kind == 'Scatter':
      new_flow([self.feed(self.ints('int32', range(self.count))), array((self.count,) + self.element)], T=self.dtype)
    elif kind == 'Unpack':
      new_flow([array((self.count,) + self.element)], T=self.dtype)
    elif kind == 'Split':
      lengths = [g.int(0, 2) for _ in range(self.count)]
      new_flow([array((sum(lengths),) + self.element[1:]), self.feed(self.ints('int64', lengths))], T=self.dtype)
    elif kind == 'Read':
      read([index()], dtype=self.dtype)
    elif kind == 'Gather':
      read([many()], dtype=self.dtype)
    elif kind in ('Concat', 'Pack'):
      read([], dtype=self.dtype)
    elif kind == 'Size':
      read([])
    elif kind == 'Close':
      self.node('close', op, [self.handle] + self.after)
    elif kind.startswith('Grad'):
      more = []
      if kind == 'GradWithShape':
        before = [g.dim() for _ in range(g.int(0, 2))]
        more = [self.feed(self.ints('int32', before))]
        # What is written into the gradient has its shape, mostly.
        if g.chance(0.95):
          self.element = tuple(before) + self.element
      self.node(name, op, [self.handle, self.flow] + more + self.after, source=b'g')
      self.handle = name
      if self.v == 'V3':
        self.flow = name + ':1'
    self.after = ['^' + name]


# --- lists and optionals ----------------------------------------------------------------

LIST_MAKERS = ['TensorListReserve', 'EmptyTensorList', 'TensorListFromTensor', 'TensorListScatter',
               'TensorListScatterV2', 'TensorListSplit']
LIST_CHANGERS = ['TensorListPushBack', 'TensorListPopBack', 'TensorListSetItem', 'TensorListResize',
                 'TensorListScatterIntoExistingList', 'TensorListConcatLists', 'TensorListPushBackBatch']
LIST_READERS = ['TensorListLength', 'TensorListElementShape', 'TensorListGetItem', 'TensorListStack',
                'TensorListGather', 'TensorListConcatV2', 'TensorListConcat']


@template(*LIST_MAKERS, *LIST_CHANGERS, *LIST_READERS)
class ListCase(GraphCase):
  """A list, changed and read; the op under test among them."""

  def build(self):
    g = self.g
    self.dtype = g.pick('float', 'float', 'int32', 'string', 'bool', 'half')
    # Rows that differ in length are for Concat and Split.
    self.ragged = self.op.startswith(('TensorListConcat', 'TensorListSplit')) and self.op != 'TensorListConcatLists'
    self.element = g.shape(1 if self.ragged or g.chance(0.5) else 0, 2)
    self.made, self.fetches, self.size = 0, [], 0
    maker = self.op if self.op in LIST_MAKERS else g.pick(*LIST_MAKERS)
    self.list = self.make_list(maker)
    changers = [g.pick(*LIST_CHANGERS, 'ZerosLike', 'AddN') for _ in range(g.int(0, 3))]
    if self.op in LIST_CHANGERS:
      changers.append(self.op)
    for changer in changers:
      self.change(changer)
    readers = [g.pick(*LIST_READERS) for _ in range(g.int(0, 1))]
    readers.append(self.op if self.op in LIST_READERS else g.pick('TensorListLength', 'TensorListStack'))
    for reader in readers:
      self.read(reader)
    self.run(*self.fetches)

  def name(self):
    self.made += 1
    return f'l{self.made}'

  def scalar(self, value):
    return self.feed(Tensor('int32', value))

  def shape(self, dims, dtype='int32'):
    """An element_shape: all of it, some of it or nothing."""
    g = self.g
    if self.ragged:
      dims = [-1] + list(dims[1:])
    if g.chance(0.3):
      return self.feed(Tensor(dtype, -1))
    if g.chance(0.02):
      return self.feed(Tensor(dtype, g.pick(0, [[1]], [-2], [1 << 30] * 4)))
    return self.feed(Tensor(dtype, [-1 if g.chance(0.2) else d for d in dims]))

  def shape_of(self, dims):
    dtype = self.g.pick('int32', 'int64')
    return self.shape(dims, dtype), dtype

  def item(self):
    g = self.g
    dims = self.element if g.chance(0.98) else g.shape(0, 2)
    return self.feed(g.array(self.dtype, (g.int(0, 3),) + dims[1:] if self.ragged and dims else dims))

  def rows(self, count):
    return self.feed(self.g.array(self.dtype, (count,) + self.element))

  def index(self, most):
    return self.g.int(-1, most) if self.g.chance(0.05) else self.g.int(0, max(0, most - 1))

  def make_list(self, op):
    g = self.g
    n = g.int(0, 3)
    types = {'element_dtype': self.dtype}
    if op == 'TensorListReserve':
      shape, types['shape_type'] = self.shape_of(self.element)
      self.size = n
      return self.node(self.name(), op, [shape, self.scalar(n)], **types)
    if op == 'EmptyTensorList':
      shape, types['shape_type'] = self.shape_of(self.element)
      self.size = 0
      return self.node(self.name(), op, [shape, self.scalar(g.pick(-1, -1, -1, 1, 2))], **types)
    if op == 'TensorListSplit':
      lengths = [g.int(0, 2) for _ in range(n)]
      rest = self.element[1:]
      shape, types['shape_type'] = self.shape_of((-1,) + rest)
      self.size = n
      total = sum(lengths) + (g.chance(0.05))
      return self.node(self.name(), op, [self.feed(g.array(self.dtype, (total,) + rest)), shape,
                                         self.feed(Tensor('int64', lengths))], **types)
    shape, types['shape_type'] = self.shape_of(self.element)
    inputs = [self.rows(n)]
    self.size = n
    if op != 'TensorListFromTensor':
      indices = [self.index(4) for _ in range(n)]
      self.size = max(indices + [-1]) + 1
      inputs.append(self.feed(Tensor('int32', indices)))
    inputs.append(shape)
    if op == 'TensorListScatterV2':
      inputs.append(self.scalar(g.pick(-1, 4, 5)))
      self.size = 4
    return self.node(self.name(), op, inputs, **types)

  def change(self, op):
    g, name = self.g, self.name()
    types = {'element_dtype': self.dtype}
    if op == 'TensorListPushBack':
      self.node(name, op, [self.list, self.item()], **types)
      self.size += 1
    elif op == 'TensorListPopBack':
      self.node(name, op, [self.list, self.shape(self.element)], **types)
      self.fetches.append(name + ':1')
      self.size = max(0, self.size - 1)
    elif op == 'TensorListSetItem':
      grow = g.chance(0.2)
      index = g.int(0, self.size + 1) if grow else self.index(self.size)
      self.node(name, op, [self.list, self.scalar(index), self.item()], resize_if_index_out_of_bounds=grow, **types)
      self.size = max(self.size, index + 1) if grow else self.size
    elif op == 'TensorListResize':
      self.size = g.int(-1 if g.chance(0.05) else 0, 4)
      self.node(name, op, [self.list, self.scalar(self.size)])
    elif op == 'TensorListScatterIntoExistingList':
      # TensorFlow leaves what lies between the old end and the new as memory came.
      indices = [g.int(0, self.size - 1) for _ in range(g.int(0, 2))] if self.size > 0 else []
      self.size = max(self.size, max(indices + [-1]) + 1)
      self.node(name, op, [self.list, self.rows(len(indices)), self.feed(Tensor('int32', indices))], **types)
    elif op == 'TensorListConcatLists':
      other = self.list if g.chance(0.7) else self.make_list(g.pick('TensorListReserve', 'TensorListFromTensor'))
      self.node(name, op, [self.list, other], **types)
      self.size *= 2
    elif op == 'TensorListPushBackBatch':
      self.node(name + 'p', 'Pack', [self.list, self.list], T='variant', N=2)
      self.node(name + 'b', op, [name + 'p', self.rows(2)], **types)
      self.node(name, 'Unpack', [name + 'b'], T='variant', num=2)
      self.size += 1
    elif op == 'ZerosLike':
      self.node(name, op, [self.list], T='variant')
    else:
      self.node(name, 'AddN', [self.list] * 2, T='variant', N=2)
    self.list = name + ':0'

  def read(self, op):
    g, name = self.g, self.name()
    dtype = self.dtype if g.chance(0.98) else 'int64'
    types = {'element_dtype': dtype}
    if op == 'TensorListLength':
      self.node(name, op, [self.list])
    elif op == 'TensorListElementShape':
      self.node(name, op, [self.list], shape_type=g.pick('int32', 'int64'))
    elif op == 'TensorListGetItem':
      self.node(name, op, [self.list, self.scalar(self.index(self.size)), self.shape(self.element)], **types)
    elif op == 'TensorListStack':
      count = g.pick(-1, -1, -1, self.size, 2)
      self.node(name, op, [self.list, self.shape(self.element)], num_elements=count, **types)
    elif op == 'TensorListGather':
      indices = [self.index(self.size) for _ in range(g.int(0, 4))] if self.size else []
      self.node(name, op, [self.list, self.feed(Tensor('int32', indices)), self.shape(self.element)], **types)
    elif op == 'TensorListConcat':
      self.node(name, op, [self.list], element_shape=g.pick(None, (None,) + self.element[1:]), **types)
    else:
      shape, types['shape_type'] = self.shape_of(self.element)
      lengths = [g.int(0, 3) for _ in range(g.pick(0, 0, self.size, 1))]
      self.node(name, op, [self.list, shape, self.feed(Tensor('int64', lengths))], **types)
    self.fetches.append(name + ':0')
    if op.startswith('TensorListConcat'):
      self.fetches.append(name + ':1')


@template('OptionalFromValue', 'OptionalNone', 'OptionalHasValue', 'OptionalGetValue')
class OptionalCase(GraphCase):

  def build(self):
    g = self.g
    types = [g.pick('float', 'int32', 'string') for _ in range(g.int(1, 3))]
    shapes = [g.shape(0, 2) for _ in types]
    if self.op == 'OptionalNone' or g.chance(0.1):
      self.node('o', 'OptionalNone')
    else:
      self.node('o', 'OptionalFromValue', [self.feed(g.array(t, s)) for t, s in zip(types, shapes)],
                Toutput_types=types)
    last = 'o'
    if g.chance(0.2):
      last = self.node('z', 'ZerosLike', [last], T='variant')
    if g.chance(0.2):
      last = self.node('a', 'AddN', [last, last], T='variant', N=2)
    self.node('h', 'OptionalHasValue', [last])
    asked = [t if g.chance(0.97) else 'bool' for t in types]
    self.node('g', 'OptionalGetValue', [last], output_types=asked,
              output_shapes=[None if g.chance(0.3) else [None if g.chance(0.2) else d for d in s] for s in shapes])
    self.run('h:0')
    if self.op != 'OptionalHasValue':
      self.run(*[f'g:{i}' for i in range(len(types))])


# --- tables -------------------------------------------------------------------------

TABLE_OPS = ['LookupTableFind', 'LookupTableSize', 'LookupTableExport', 'LookupTableInsert', 'LookupTableImport',
             'InitializeTable', 'InitializeTableFromTextFile', 'HashTable', 'MutableHashTable',
             'MutableHashTableOfTensors']


@template('LookupTableRemoveV2', *TABLE_OPS, *[op + 'V2' for op in TABLE_OPS])
class TableCase(GraphCase):

  def build(self):
    g = self.g
    v = 'V2' if self.op.endswith('V2') else ''
    base = self.op.removesuffix('V2')
    kind = base if base.endswith(('Table', 'Tensors')) and not base.startswith('Init') else g.pick(
        'HashTable', 'MutableHashTable', 'MutableHashTableOfTensors')
    if base.startswith('Initialize'):
      kind = 'HashTable'
    if base in ('LookupTableInsert', 'LookupTableImport', 'LookupTableRemove', 'LookupTableExport'):
      kind = g.pick('MutableHashTable', 'MutableHashTableOfTensors')
    key, value = g.pick(('string', 'int64'), ('string', 'float'), ('int64', 'string'), ('int64', 'float'),
                        ('int64', 'int64'), ('string', 'string'), ('int32', 'int32'), ('string', 'bool'))
    per_key = g.shape(1, 1) if kind.endswith('Tensors') else ()
    attrs = {'value_shape': list(per_key)} if per_key else {}
    self.node('t', kind + v, key_dtype=key, value_dtype=value, **attrs)
    n = g.int(0, 5)
    keys = g.array(key, (n,), style='tame')
    values = g.array(value, (n,) + per_key, style='tame')
    types = {'Tin': key, 'Tout': value}
    if base == 'InitializeTableFromTextFile':
      self.from_file(v, key, value)
    elif kind == 'HashTable':
      self.node('fill', 'InitializeTable' + v, ['t', self.feed(keys), self.feed(values)], Tkey=key, Tval=value)
    else:
      how = base if base in ('LookupTableImport',) else 'LookupTableInsert'
      self.node('fill', how + v, ['t', self.feed(keys), self.feed(values)], **types)
    self.run(targets=['fill'])
    if base == 'LookupTableRemove':
      self.node('gone', 'LookupTableRemoveV2', ['t', self.feed(g.array(key, (2,), style='tame'))], Tin=key)
      self.run(targets=['gone'])
    asked = g.array(key, g.shape(), style='tame')
    self.node('find', 'LookupTableFind' + v, ['t', self.feed(asked), self.feed(g.array(value, per_key))], **types)
    self.node('size', 'LookupTableSize' + v, ['t'])
    self.run('find:0')
    self.run('size:0')
    if base == 'LookupTableExport' and n <= 1:
      # Of more, nobody promises the order.
      self.node('export', self.op, ['t'], Tkeys=key, Tvalues=value)
      self.run('export:0', 'export:1')

  def from_file(self, v, key, value):
    path = os.path.join(tempfile.gettempdir(), 'op_fuzz_words.txt')
    if not os.path.exists(path):
      with open(path, 'w') as out:
        out.write('one 1\ntwo 2\n3 3\n')
    whole, line = -2, -1
    pick = lambda t: self.g.pick(whole, 0, 1) if t == 'string' else self.g.pick(line, 1)
    self.node('fill', self.op, ['t', self.feed(Tensor('string', path.encode()))], key_index=pick(key),
              value_index=pick(value), delimiter=b' ', vocab_size=self.g.pick(-1, 2, 3, 5))


# --- files ----------------------------------------------------------------------------

@template('SaveV2', 'RestoreV2', 'MergeV2Checkpoints', 'Save', 'SaveSlices', 'Restore', 'RestoreSlice')
class FileCase(GraphCase):
  """Saves tensors in the folder of the process, and restores them."""

  def build(self):
    g = self.g
    n = g.int(1, 3)
    new = self.op in ('SaveV2', 'RestoreV2', 'MergeV2Checkpoints')
    types = [t for t in ('float', 'double', 'int32', 'int64', 'string', 'bool', 'half', 'bfloat16', 'int8', 'complex64')
             if new or t not in ('bfloat16',)]
    tensors = [g.array(g.pick(*types), g.shape()) for _ in range(n)]
    names = [f'name{i}'.encode() for i in range(n)]
    specs = [slice_spec(t) if g.chance(0.3) and (new or self.op == 'SaveSlices') else b'' for t in tensors]
    text = lambda values: self.feed(Tensor('string', np.array(values, object)))
    prefix = self.feed(Tensor('string', g.pick(b'here', b'./here', b'a/b')))
    dtypes = [t.dtype for t in tensors]
    values = [self.feed(t) for t in tensors]
    if new:
      self.node('save', 'SaveV2', [prefix, text(names), text(specs)] + values, dtypes=dtypes)
      self.run(targets=['save'])
      where = prefix
      if self.op == 'MergeV2Checkpoints':
        where = self.feed(Tensor('string', b'merged'))
        self.node('pack', 'Pack', [prefix], T='string', N=1)
        self.node('merge', 'MergeV2Checkpoints', ['pack', where], delete_old_dirs=False)
        self.run(targets=['merge'])
      self.node('restore', 'RestoreV2', [where, text(names), text([b''] * n)], dtypes=dtypes)
      self.run(*[f'restore:{i}' for i in range(n)])
      return
    if self.op == 'SaveSlices':
      self.node('save', 'SaveSlices', [prefix, text(names), text(specs)] + values, T=dtypes)
    else:
      self.node('save', 'Save', [prefix, text(names)] + values, T=dtypes)
    self.run(targets=['save'])
    more = [text(b'')] if self.op == 'RestoreSlice' else []
    self.node('restore', 'RestoreSlice' if more else 'Restore', [prefix, text(names[0])] + more, dt=dtypes[0])
    self.run('restore:0')


def slice_spec(tensor):
  """All of a tensor, as a slice of itself."""
  shape = tensor.array.shape
  return (' '.join(map(str, shape)) + ' ' + ':'.join(f'0,{d}' for d in shape)).encode() if shape else b''
