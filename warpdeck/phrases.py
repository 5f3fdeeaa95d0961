"""The words that the build itself puts on cards, in each language.

Owns: those words. Must not know what they stand beside. A language without words of its
own gets the English ones.
"""

from __future__ import annotations

from collections.abc import Mapping

_ENGLISH: Mapping[str, str] = {
    "question": "Question",
    "reverse": "Both ways",
    "cloze": "Fill in",
    "type": "Type it",
    "code": "Write the code",
    "bug": "Find the bug",
    "output": "Predict the output",
    "ladder": "Next step",
    "note": "Note",
    "tip": "Tip",
    "important": "Important",
    "warning": "Warning",
    "caution": "Caution",
    "proof": "Compiled, run and checked on {gpu}",
    "measured": "{shape}: {time}, {rate}, {ratio} of the limit ({limit})",
    "limit": "{shape}: {time}, {rate}; this is the limit of the ladder",
    "baseline": "; {ratio} of {name}",
    "sanitizers": "compute-sanitizer clean: {tools}",
    "mutants": "{killed} of {total} slips made on purpose were caught",
    "proof-bug": "Broken on purpose; what it does was seen on {gpu}",
    "proof-output": "Printed on {gpu}",
    "host": "Ran on {where}: {tools}; passed its own check",
    "host-sanitizers": "; no report by {tools}",
    "host-bug": "Broken on purpose; what it does was seen on {where}: {tools}",
    "host-output": "Printed on {where}: {tools}",
    "ranks": "{count} ranks",
    "comma": ", ",
    "unverified": "Unverified: this code has not run as it stands here",
    "sketch": "Sketch: an illustration that was not run",
    "changed": "Marked: changed from “{step}”",
    "hidden": "⋯ lines left out: {count}",
    "ladder-chart": "{kernel}, {shape}: share of the limit ({limit})",
    "busiest": "Busiest in this step, by Nsight Compute: {units}",
    "unit-issue": "issue slots",
    "unit-fma": "FMA pipes",
    "unit-tensor": "Tensor Cores",
    "unit-constant": "constant cache",
    "unit-lsu": "load/store units",
    "unit-l1": "L1 and shared memory",
    "unit-l2": "L2",
    "unit-dram": "DRAM",
    "retired": "This note has left the deck ({id}). Your reviews are kept; suspend or delete it.",
}

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": _ENGLISH,
    "zh": {
        "question": "问答",
        "reverse": "双向",
        "cloze": "填空",
        "type": "默写",
        "code": "手写代码",
        "bug": "找错",
        "output": "预测输出",
        "ladder": "下一步优化",
        "note": "注意",
        "tip": "提示",
        "important": "要点",
        "warning": "警告",
        "caution": "小心",
        "proof": "已在 {gpu} 上编译、运行、核对",
        "measured": "{shape}：{time}，{rate}，达上限（{limit}）的 {ratio}",
        "limit": "{shape}：{time}，{rate}；这就是本阶梯的上限",
        "baseline": "；为 {name} 的 {ratio}",
        "sanitizers": "compute-sanitizer 通过：{tools}",
        "mutants": "故意改错 {total} 处，查出 {killed} 处",
        "proof-bug": "故意写错；现象在 {gpu} 上实测所见",
        "proof-output": "在 {gpu} 上实际打印",
        "host": "已在 {where} 上运行：{tools}；自带校验通过",
        "host-sanitizers": "；{tools} 无报告",
        "host-bug": "故意写错；现象在 {where} 上实测所见：{tools}",
        "host-output": "在 {where} 上实际打印：{tools}",
        "ranks": "{count} 个进程",
        "comma": "、",
        "unverified": "未验证：此处的代码尚未实际运行过",
        "sketch": "示意代码，未经运行",
        "changed": "标记处：与“{step}”相比有改动",
        "hidden": "⋯ 省略 {count} 行",
        "ladder-chart": "{kernel}，{shape}：达上限（{limit}）的比例",
        "busiest": "这一步最忙的部件（Nsight Compute）：{units}",
        "unit-issue": "发射槽",
        "unit-fma": "FMA 流水线",
        "unit-tensor": "Tensor Core",
        "unit-constant": "常量缓存",
        "unit-lsu": "读写单元",
        "unit-l1": "L1 与共享内存",
        "unit-l2": "L2",
        "unit-dram": "DRAM",
        "retired": "本条已退出牌组（{id}）。复习记录保留，可暂停或删除。",
    },
}


def phrase(key: str, language: str, **values: str | int) -> str:
    """Return the words for `key` in `language`, `values` filled in."""
    words = _WORDS.get(language) or _WORDS.get(language.split("-")[0]) or _ENGLISH
    return words[key].format(**values)
