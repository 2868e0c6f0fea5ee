"""A scripted tour: plays the whole way of a consultation against the running server and prints each step.

    make tour

It needs the development mode: the stand-in for SMS, whose messages it reads from the instance folder, and the demonstration
accounts. It sends to the loopback address only, makes up its persons, and exits with 1 at the first step that does not
answer as documented.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyotp

from portal.accounts.seeds import DEMO_PASSWORD, DEMO_TOTP_SECRET, demo_user_name
from portal.config import Settings, load_settings

PREFIX = "/api/v1"
# A one-pixel PNG: the wage slip of a person who does not exist.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PUBLISHED_WITHIN = 2.0


class TourFailed(Exception):
    """A step did not answer as documented."""


@dataclass
class Answer:
    """What the server said."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        """The version for the next `If-Match`."""
        return self.headers["etag"]


@dataclass
class Person:
    """Somebody with a token."""

    name: str
    token: str


@dataclass
class Tour:
    """The server, and the number of the step."""

    settings: Settings
    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def title(self, text: str) -> None:
        """Begin a step."""
        self.step += 1
        print(f"\n【{self.step:02d}】{text}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Person | None = None,
        match: str | None = None,
        key: str | None = None,
        expect: int | tuple[int, ...] = 200,
        raw: tuple[bytes, str] | None = None,
        quiet: bool = False,
    ) -> Answer:
        """Send one request and print it with its answer; raises TourFailed for another status than `expect`."""
        headers = {"Accept": "application/json"}
        if who:
            headers["Authorization"] = f"Bearer {who.token}"
        if match:
            headers["If-Match"] = match
        if key:
            headers["Idempotency-Key"] = key
        payload = None
        if raw:
            payload, headers["Content-Type"] = raw
        elif body is not None:
            payload, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=30)
        try:
            connection.request(method, PREFIX + path, payload, headers)
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise TourFailed(
                f"连不上 127.0.0.1:{self.settings.port}（{type(error).__name__}）。请先在另一个窗口运行 make run。"
            ) from error
        finally:
            connection.close()
        content = json.loads(text) if text else None
        answer = Answer(
            response.status,
            content,
            {name.lower(): value for name, value in response.getheaders()},
        )
        if not quiet:
            name = f"{who.name} " if who else ""
            print(f"    {name}{method} {path.split('?')[0]} → {answer.status}")
        wanted = expect if isinstance(expect, tuple) else (expect,)
        if answer.status not in wanted:
            raise TourFailed(f"{method} {path} 应答 {answer.status}：{content}")
        return answer

    def tell(self, text: str) -> None:
        """Say what came of it."""
        print(f"    {text}")


def resident(tour: Tour) -> Person:
    """Sign in a made-up resident by phone and code."""
    phone = f"139{random.randrange(10**8):08d}"
    sent_at = time.time()
    tour.call("POST", "/auth/sms-codes", {"phone": phone}, expect=202)
    code = wait_for_code(tour.settings.instance_dir / "sms-stand-in.jsonl", phone, sent_at)
    tour.tell("短信替身收到验证码（只在开发模式下可见）")
    notice = tour.call("GET", "/privacy-notice").body["version"]
    body = {"phone": phone, "code": code, "accepted_notice": notice}
    return Person("居民", tour.call("POST", "/auth/tokens", body, expect=201).body["token"])


def wait_for_code(file: Path, phone: str, since: float) -> str:
    """Read the code from the stand-in's file; the background worker writes it."""
    for _ in range(100):
        if file.exists():
            for line in reversed(file.read_text("utf-8").splitlines()):
                row = json.loads(line)
                if row["phone"] == phone:
                    digits = [
                        part for part in row["text"].replace("，", " ").split() if part.isdigit()
                    ]
                    return digits[0]
        time.sleep(0.1)
    raise TourFailed(f"{time.time() - since:.0f} 秒内没有收到验证码：后台任务没有运行？")


def staff(tour: Tour, role: str, label: str) -> Person:
    """Sign in a demonstration account; a one-time password that was just used is waited out."""
    for attempt in range(2):
        body = {
            "user_name": demo_user_name(role),
            "password": DEMO_PASSWORD,
            "totp_code": pyotp.TOTP(DEMO_TOTP_SECRET).now(),
        }
        answer = tour.call("POST", "/staff/auth/tokens", body, expect=(200, 201, 401))
        if answer.status != 401:
            return Person(label, answer.body["token"]["token"])
        if attempt == 0:
            tour.tell("动态口令刚刚用过，等下一个……")
            time.sleep(30 - time.time() % 30 + 0.5)
    raise TourFailed("演示账号登录失败：请确认服务以开发模式运行。")


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
    """The tour itself."""
    mark = uuid.uuid4().hex[:6]
    question = (
        "我叫王建国，在工地干了三个月，包工头李大勇一直拖欠工资，电话13812345678打不通。"
        f"{mark}号工地的工人应该怎么办？"
    )
    tour.title("居民用手机号和验证码登录")
    person = resident(tour)

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
    moderator = staff(tour, "moderator", "审核员")
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
    lawyer = staff(tour, "lawyer", "律师")
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
    reviewer = staff(tour, "reviewer", "签发人")
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
    auditor = staff(tour, "auditor", "审计员")
    events = tour.call(
        "GET",
        f"/staff/audit-events?subject_kind=consultation&subject_id={consultation}&size=100",
        who=auditor,
    ).body["items"]
    views = sum(1 for event in events if event["action"].endswith("viewed"))
    tour.tell(f"审计记录 {len(events)} 条，其中工作人员查看 {views} 次")


def main() -> int:
    """Play the tour; returns the exit status."""
    tour = Tour(load_settings())
    try:
        play(tour)
    except TourFailed as error:
        print(f"\n中断：{error}", file=sys.stderr)
        return 1
    print(f"\n全程走通，共 {tour.step} 步，用时 {time.monotonic() - tour.started:.0f} 秒。")
    return 0


if __name__ == "__main__":
    sys.exit(main())
