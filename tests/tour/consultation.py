"""The way of a consultation: asked, returned, answered with its law, signed, published, found, followed up, closed."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any
from urllib.parse import quote

from tests.tour.guide import Answer, Person, Tour, TourFailed

# A one-pixel PNG: the wage slip of a person who does not exist.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PUBLISHED_WITHIN = 2.0


def upload(tour: Tour, who: Person) -> str:
    """Upload the picture; returns its id."""
    boundary = uuid.uuid4().hex
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="slip.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        + PICTURE
        + f"\r\n--{boundary}--\r\n".encode()
    )
    kind = f"multipart/form-data; boundary={boundary}"
    return str(tour.call("POST", "/attachments", who=who, raw=(body, kind), expect=201).body["id"])


def staff_step(
    tour: Tour, who: Person, consultation: str, step: str, body: Any = None, **options: Any
) -> Answer:
    """Look at the consultation, then act on what was seen."""
    path = f"/staff/consultations/{consultation}"
    seen = tour.call("GET", path, who=who, quiet=True)
    return tour.call(
        options.pop("method", "POST"), f"{path}/{step}", body, who=who, match=seen.etag, **options
    )


def play(tour: Tour) -> None:
    """Play the part."""
    mark = uuid.uuid4().hex[:6]
    question = (
        "我叫王建国，在工地干了三个月，包工头李大勇一直拖欠工资，电话13812345678打不通。"
        f"{mark}号工地的工人应该怎么办？"
    )
    tour.title("居民用手机号和验证码登录")
    person = tour.resident()

    tour.title("提问前先看看有没有现成的答案")
    found = tour.call("POST", "/consultations/matches", {"text": question}, who=person).body
    for item in found["items"][:3]:
        tour.tell(f"· {item['title']} {item['heading']}")

    tour.title("上传工资条，提交咨询；网络不好时用同一个幂等键重试")
    attachment = upload(tour, person)
    body = {
        "category": "labour",
        "text": question,
        "keep_unpublished": False,
        "contact_safety": "normal",
        "attachment_ids": [attachment],
    }
    key = str(uuid.uuid4())
    asked = tour.call("POST", "/consultations", body, who=person, key=key, expect=201)
    again = tour.call("POST", "/consultations", body, who=person, key=key, expect=201)
    if again.body["id"] != asked.body["id"]:
        raise TourFailed("同一个幂等键办理了两次")
    consultation = asked.body["id"]
    due = asked.body["deadlines"][0]
    tour.tell(f"编号 {asked.body['reference']}，{due['name']}：{due['due_on']} 前")

    tour.title("审核员登录，看到剩余时间最少的在前，请居民补充")
    moderator = tour.staff("moderator", "审核员")
    listed = tour.call("GET", "/staff/consultations?list=moderation&size=3", who=moderator)
    for item in listed.body["items"]:
        tour.tell(f"· {item['reference']} {item['excerpt']}")
    staff_step(
        tour, moderator, consultation, "moderation",
        {"decision": "return", "note": "请写明拖欠的金额。"},
    )  # fmt: skip
    seen = tour.call("GET", f"/consultations/{consultation}", who=person)
    paused = [d["name"] for d in seen.body["deadlines"] if d["paused"]]
    tour.tell(f"状态：{seen.body['state_label']}；暂停的时限：{'、'.join(paused)}")
    path = f"/consultations/{consultation}/messages"
    tour.call("POST", path, {"text": "一共拖欠一万二千元。"}, who=person)

    tour.title("审核通过，律师认领，询问居民")
    staff_step(tour, moderator, consultation, "moderation", {"decision": "accept"})
    lawyer = tour.staff("lawyer", "律师")
    staff_step(tour, lawyer, consultation, "claim")
    staff_step(tour, lawyer, consultation, "questions", {"text": "有没有签书面劳动合同？"})
    tour.call("POST", path, {"text": "没有签，有工资条和工友作证。"}, who=person)

    tour.title("律师写答复；引用的法条当场核验，不存在的不收")
    law = "中华人民共和国劳动合同法"
    text = (
        "王建国您好：用人单位应当及时足额支付劳动报酬。根据《劳动合同法》第三十条，拖欠工资的，"
        "您可以依法向当地人民法院申请支付令，也可以向劳动监察部门投诉。"
    )
    wrong = {"text": text, "citations": [{"law": law, "article": "第九百九十九条"}]}
    refused = staff_step(tour, lawyer, consultation, "answer", wrong, expect=422)
    tour.tell(f"拒绝：{next(iter(refused.body['errors'].values()))[0]}")
    right = {"text": text, "citations": [{"law": law, "article": "第三十条"}]}
    staff_step(tour, lawyer, consultation, "answer", right)

    tour.title("另一人签发，居民看到答复")
    reviewer = tour.staff("reviewer", "签发人")
    staff_step(tour, reviewer, consultation, "sign-off", {"decision": "approve"})
    seen = tour.call("GET", f"/consultations/{consultation}", who=person)
    tour.tell(f"答复：{seen.body['answers'][0]['text'][:40]}……")

    tour.title("公开：疑似个人信息逐处确认后去掉，另成一份公开稿")
    path = f"/staff/consultations/{consultation}/publication"
    draft = tour.call("POST", path, who=moderator, expect=201)
    for row in draft.body["redactions"]:
        tour.tell(f"· {row['field']}：{row['text']}（{row['kind']}）")
    decisions = [{"id": row["id"], "redact": True} for row in draft.body["redactions"]]
    edited = tour.call(
        "PATCH", path, {"decisions": decisions, "title": f"{mark}号工地包工头拖欠工资怎么办？"},
        who=moderator, match=draft.etag,
    )  # fmt: skip
    left = [row for row in edited.body["redactions"] if row["redact"] is None]
    if left:
        more = [{"id": row["id"], "redact": True} for row in left]
        edited = tour.call("PATCH", path, {"decisions": more}, who=moderator, match=edited.etag)
    published = tour.call("POST", f"{path}/confirmation", who=moderator, match=edited.etag)
    tour.tell(f"公开的问题：{published.body['question'][:60]}……")

    tour.title("公开的答复立即可以搜到")
    begun = time.monotonic()
    target = published.body["id"]
    while True:
        query = quote(f"{mark}号工地 包工头 拖欠工资")
        hits = tour.call("GET", f"/search?q={query}", quiet=True).body["items"]
        if any(hit["id"] == target for hit in hits):
            break
        if time.monotonic() - begun > 10:
            raise TourFailed("10 秒内没有搜到刚公开的答复")
        time.sleep(0.1)
    took = time.monotonic() - begun
    tour.tell(f"公开后 {took:.1f} 秒搜到（承诺 {PUBLISHED_WITHIN:.0f} 秒内，机器繁忙时会慢一些）")
    public = tour.call("GET", f"/questions/{target}").body
    for private in ("王建国", "李大勇", "13812345678"):
        if private in json.dumps(public, ensure_ascii=False):
            raise TourFailed(f"公开稿里有个人信息：{private}")

    tour.title("居民评价，追问一次；律师再答复，另一人签发，办结")
    path = f"/consultations/{consultation}"
    tour.call("POST", f"{path}/rating", {"rating": 5, "comment": "讲得明白"}, who=person)
    tour.call("POST", f"{path}/follow-up", {"text": "支付令要去哪里申请？"}, who=person)
    text = "支付令向债务人住所地的基层人民法院申请，带上身份证、工资条和工友证言。"
    staff_step(
        tour, lawyer, consultation, "answer",
        {"text": text, "citations": [{"law": law, "article": "第三十条"}]},
    )  # fmt: skip
    staff_step(tour, reviewer, consultation, "sign-off", {"decision": "approve"})
    closed = tour.call("POST", f"{path}/closure", who=person)

    tour.title("居民的进展记录、通知和审计记录")
    for event in closed.body["timeline"]:
        tour.tell(f"· {event['at'][:19].replace('T', ' ')} {event['label']}（{event['by']}）")
    messages = tour.call("GET", "/me/notifications", who=person).body["items"]
    tour.tell(f"收到 {len(messages)} 条通知，最近一条：{messages[0]['title']}")
    auditor = tour.staff("auditor", "审计员")
    events = tour.call(
        "GET",
        f"/staff/audit-events?subject_kind=consultation&subject_id={consultation}&size=100",
        who=auditor,
    ).body["items"]
    views = sum(1 for event in events if event["action"].endswith("viewed"))
    tour.tell(f"审计记录 {len(events)} 条，其中工作人员查看 {views} 次")
